"""What the trainings of the pipeline share."""

import fcntl
import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from motionfit.closure import code_version
from motionfit.config import Network, Training
from motionfit.errors import MotionFitError
from motionfit.models import SavedModel, load_model, save_model
from motionfit.models.network import VideoNetwork
from motionfit.store.clips import ClipStore
from motionfit.store.frame_rates import warn_of_rates
from motionfit.training.checkpoints import Identity
from motionfit.training.compute import Compute
from motionfit.training.data import LabelledVideo, MultiClips
from motionfit.training.labels import Stores, training_and_validation
from motionfit.training.loop import finish, train
from motionfit.training.objective import Objective, Teacher

log = logging.getLogger(__name__)


def train_and_save(
    objective: Objective,
    about: SavedModel,
    rows: pd.DataFrame,
    videos: list[LabelledVideo],
    stores: Stores,
    recipe: Training,
    compute: Compute,
    output: Path,
    trainable: list[nn.Module] | None = None,
    freeze_bn: bool = False,
) -> None:
    """Trains the objective's network on `videos` (those of `rows`, of the index) and saves it as
    `output`, with its history beside it. `compute`, `trainable`,
    `freeze_bn`: see `train`."""
    log.info("%s on %s, %d classes", about.backbone, about.modality, len(about.classes))
    folder = output.parent
    fabric = compute.fabric(recipe.precision)
    with lock(folder) if fabric.is_global_zero else nullcontext():
        learned, watched = training_and_validation(
            rows,
            videos,
            stores,
            about.clip_length,
            recipe,
            keep_classes=about.learned == "labels",
            encoded=compute.gpu_decoding,
        )
        whole = identity(about, stores, learned, watched, objective)
        train(
            objective,
            learned,
            watched,
            recipe,
            whole,
            folder,
            compute,
            fabric,
            trainable,
            freeze_bn,
        )
        if fabric.is_global_zero:
            save_model(objective.network, about, output)
            finish(folder)


def load_teacher(
    model: Path, student: VideoNetwork, flow: Path, index: pd.DataFrame
) -> tuple[Teacher, ClipStore]:
    """A motion model and the flow that it reads.

    Raises MotionFitError where it is not on flow, or has another number of features."""
    network, about = load_model(model)
    if about.modality != "flow":
        raise MotionFitError(f"{model} is not on flow, so it can't be a teacher")
    if network.dim != student.dim:
        raise MotionFitError(
            f"{model} gives {network.dim} features, and the network that learns {student.dim}: "
            "take backbones that give as many"
        )
    clips = ClipStore(flow, index["shard"], "flow")
    warn_of_rates("what the teacher sees", clips.rate, about.rate)
    return Teacher(network), clips


def describe(
    network: Network,
    training: Training,
    store: ClipStore,
    names: list[str],
    learned: str,
    split: int,
    recipe: str,
) -> SavedModel:
    """What is saved with a network that reads the clips of `store`."""
    return SavedModel(
        backbone=network.backbone,
        modality=store.modality,
        classes=names,
        clip_length=network.clip_length,
        frame_size=store.recipe["size"],
        crop=training.crop,
        fps=store.recipe["fps"],
        quality=store.recipe["quality"],
        rate=store.rate,
        learned=learned,
        split=split,
        recipe=recipe,
    )


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keeps a second training out of a folder; the system lifts the lock when the process ends.

    A killed workflow may leave a training behind that its rerun knows nothing of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".training.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MotionFitError(
                f"another training is running in {folder}: wait for it or end it"
            ) from None
        yield


def identity(
    about: SavedModel,
    stores: Stores,
    learned: MultiClips,
    watched: MultiClips | None,
    objective: Objective,
) -> Identity:
    """Everything that a training depends on: its recipe, the code, the clips and labels, and the
    weights that it starts from, its teacher's among them. Of the clips' pixels it has the bytes of
    their shards, which hardly any change of a JPEG leaves as they are."""
    weights = hashlib.sha256()
    for tensor in objective.state_dict().values():
        weights.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    samples = hashlib.sha256()
    for clips in (learned, watched):
        for video in clips.videos if clips else ():
            samples.update(video.video.encode(errors="surrogateescape") + b"\0")
            for part in (video.starts, video.lengths, video.labels, video.weights):
                samples.update(np.ascontiguousarray(part).tobytes())
        samples.update(b"\n")
    return {
        "model": asdict(about) | {"recipe": json.loads(about.recipe)},
        "clips": {
            store.modality: {"made": store.recipe, "bytes": store.shards.bytes}
            for store in stores
            if store
        },
        "videos and labels": samples.hexdigest(),
        "starting weights": weights.hexdigest(),
        "code": code_version("motionfit.training.run"),
    }
