"""Measures how fast this machine trains, with the pipeline's own loop."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from motionfit.clips.sampling import LabelledVideo
from motionfit.config import FineTuning, SelfTraining, Size, Training
from motionfit.config import Mers as MersRecipe
from motionfit.errors import MotionFitError
from motionfit.estimate import rates
from motionfit.estimate.rates import CLASSES
from motionfit.modality import Modality
from motionfit.models import build_network
from motionfit.store.clips import ClipStore
from motionfit.training.compute import Compute
from motionfit.training.labels import training_and_validation
from motionfit.training.loop import train
from motionfit.training.objective import ClipLosses, Mars, Mers, Objective, Teacher

WARM_UP_CLIPS = 2
"""Clips per step of the warm-up. Batch normalisation needs more than one if feature maps are
tiny."""
GPU_BATCHES = 16
"""Batches in a timed epoch on a GPU."""
SAME_PACE = {
    "epochs": 2,
    "steps": None,
    "label_smoothing": 0.0,
    "ema": None,
    "milestones": (),
    "learning_rate": 1e-4,
    "validation_fraction": 0.0,
    "validation_unit": "group",
    "keep": "last",
    "seed": 0,
    "weight_decay": 5e-4,
    "momentum": 0.9,
}
"""Options that do not affect the time per clip. All timed trainings have these values, so that each
pace is measured once."""


@dataclass(frozen=True)
class Learning:
    """A training to be timed. Trainings that take the same time per clip are equal."""

    backbone: str
    clip_length: int
    recipe: Training
    compute: Compute
    size: Size
    """Height and width of the stored frames or flow."""
    modality: Modality
    """What the network reads."""
    teacher: str | None
    """Backbone of the motion model that the network learns from, if any."""
    clips: Path = field(compare=False)
    """The shard that the network reads."""
    flow: Path = field(compare=False)
    """The shard that the teacher reads."""

    @property
    def last_layers(self) -> bool:
        """Whether only the last layers learn."""
        return isinstance(self.recipe, FineTuning) and self.recipe.layers == "last"

    def __str__(self) -> str:
        recipe = self.recipe
        layers = " (last layers)" if self.last_layers else ""
        teacher = f" taught by {self.teacher}" if self.teacher else ""
        return (
            f"{self.backbone} on {self.modality}{layers}{teacher}, {self.clip_length} frames of "
            f"{recipe.crop} pixels, {recipe.batch_size * recipe.clips_per_video} clips at a time, "
            f"{recipe.precision} bits, {self.compute.threads} threads"
        )


def paced(recipe: Training) -> Training:
    """Returns a recipe that takes the same time per clip and is the same for many trainings.

    Its videos have one clip each, unless the loss needs the order of clips. Its batches are as
    large as the parts of a batch that are computed at a time.
    """
    videos, clips = recipe.batch_size, recipe.clips_per_video
    gap = recipe.clip_gap
    if recipe.multi_clip_weight == 1:
        videos, clips, gap = videos * clips, 1, None
    batch = -(-videos // recipe.accumulate)
    update = {
        **SAME_PACE,
        "batch_size": batch,
        "clips_per_video": clips,
        "clip_gap": gap,
        "accumulate": 1,
    }
    recipe = recipe.model_copy(update=update)
    if isinstance(recipe, FineTuning):
        has_own_pace = recipe.layers == "last" or recipe.mars
    else:
        has_own_pace = isinstance(recipe, SelfTraining) and recipe.neighbours
    if has_own_pace:
        return recipe
    # Without options of its own, a training takes the same time whatever stage it belongs to.
    return Training(**recipe.model_dump(include={*Training.model_fields}))


def measure_training(learning: Learning, folder: Path) -> float:
    """Seconds per clip of a training with the pipeline's own loop, on at most one GPU."""
    R, batch = learning.recipe.clips_per_video, learning.recipe.batch_size
    if torch.cuda.is_available() and learning.compute.devices > 0:
        timed_training(learning, batch, steps=GPU_BATCHES, epochs=2, folder=folder)
        return 1 / float(pd.read_csv(folder / "history.csv")["clips_per_second"].iloc[-1])
    few = min(-(-WARM_UP_CLIPS // R), batch)
    seconds = timed_training(learning, few, steps=3, epochs=1, folder=folder / "few")
    if seconds * R * few > rates.BUDGET:
        return seconds
    batch = max(few, min(batch, int(rates.BUDGET / 2 / (seconds * R))))
    steps = 4 + int(rates.BUDGET / (seconds * R * batch))
    return timed_training(learning, batch, steps, epochs=1, folder=folder / "many")


def timed_training(learning: Learning, batch: int, steps: int, epochs: int, folder: Path) -> float:
    """Trains for some epochs of `steps` steps, each on `batch` videos. Returns the seconds of CPU
    time per clip and thread in the median step of the first epoch, without its first and last
    step."""
    torch.manual_seed(0)
    store = ClipStore(learning.clips.parent, [learning.clips.stem], learning.modality)
    teacher = None
    if learning.teacher:
        teacher = ClipStore(learning.flow.parent, [learning.flow.stem], Modality.FLOW)
    videos = [video for video in store.shards if teacher is None or video in teacher]
    names = [videos[i % len(videos)] for i in range(batch * steps)]
    rows = pd.DataFrame({"video": names, "group": names, "label": ""})
    samples = [three_windows(video, store.length(video)) for video in videos]
    recipe = learning.recipe.model_copy(update={"batch_size": batch, "epochs": epochs})
    clips, _ = training_and_validation(
        rows,
        samples,
        (store, teacher),
        learning.clip_length,
        recipe,
        keep_classes=False,
        encoded=learning.compute.gpu_decoding,
    )
    objective = objective_of(learning)
    step_starts: list[float] = []
    objective.register_forward_pre_hook(lambda *_: step_starts.append(time.process_time()))
    if learning.last_layers:
        freeze_bn = isinstance(recipe, FineTuning) and recipe.freeze_bn
        objective.freeze_others(objective.network.last_layers(), freeze_bn)
    try:
        train(
            objective,
            clips,
            None,
            recipe,
            {},
            folder,
            learning.compute,
        )
    except torch.OutOfMemoryError:
        raise MotionFitError(
            f"{learning.backbone}: {batch * recipe.clips_per_video} clips of "
            f"{learning.clip_length} frames of {recipe.crop} pixels do not fit into the GPU's "
            "memory: raise training.accumulate"
        ) from None
    step_seconds = float(np.median(np.diff(step_starts[1:steps])))
    return step_seconds / (batch * recipe.clips_per_video) / learning.compute.threads


def three_windows(video: str, frames: int) -> LabelledVideo:
    """A video with three labelled windows, so that a clip has neighbours whose label to predict."""
    length = max(frames // 3, 1)
    return LabelledVideo(
        video, np.arange(3) * length, np.full(3, length), np.zeros(3, int), np.ones(3)
    )


def objective_of(learning: Learning) -> Objective:
    """A network with random weights, and the losses of the recipe."""
    recipe = learning.recipe
    network = build_network(learning.backbone, learning.modality, CLASSES, seed=0)
    if learning.teacher is None:
        return ClipLosses(network, learning.modality, recipe, CLASSES)
    teacher = Teacher(build_network(learning.teacher, Modality.FLOW, 1, seed=0))
    if isinstance(recipe, FineTuning):
        return Mars(network, recipe, CLASSES, teacher, recipe.mars.weight)
    # All methods of teaching run both networks; the losses take negligible time.
    return Mers(network, teacher, MersRecipe(motion_model="", dataset=""))
