"""What all trainings of the pipeline share: the model file, the lock, the identity."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from motionfit.clips.sampling import LabelledVideo
from motionfit.closure import code_version
from motionfit.config import ALL_LABELS, LabelledPart, Network, Recipe, Training
from motionfit.errors import MotionFitError
from motionfit.modality import Modality
from motionfit.models import Learned, SavedModel, load_model, save_model
from motionfit.models.network import VideoNetwork
from motionfit.result_tables import read_table
from motionfit.store.clips import ClipStore
from motionfit.store.frame_rates import warn_of_rates
from motionfit.training.checkpoints import Identity
from motionfit.training.compute import Compute
from motionfit.training.data import MultiClipDataset
from motionfit.training.labels import Stores, training_and_validation
from motionfit.training.loop import remove_checkpoints, train
from motionfit.training.objective import Objective, Teacher

log = logging.getLogger(__name__)


def train_and_save(
    stage: str,
    objective: Objective,
    about: SavedModel,
    rows: pd.DataFrame,
    videos: list[LabelledVideo],
    stores: Stores,
    recipe: Training,
    compute: Compute,
    output: Path,
    judge: Callable[[float], None] | None = None,
) -> None:
    """Trains the network of the objective on `videos` and saves it as `output`, with its history
    beside it.

    stage: module of the stage, whose code a checkpoint depends on. rows: the rows of the index with
    these videos. judge: logs what the accuracy in the last epoch says of the training.
    """
    log.info("%s on %s, %d classes", about.backbone, about.modality, len(about.classes))
    folder = output.parent
    fabric = compute.fabric(recipe.precision)
    with lock(folder) if fabric.is_global_zero else nullcontext():
        datasets = training_and_validation(
            rows,
            videos,
            stores,
            about.clip_length,
            recipe,
            keep_classes=about.learned == Learned.LABELS,
            encoded=compute.gpu_decoding,
        )
        identity = identity_of(stage, about, stores, datasets, objective)
        train(objective, *datasets, recipe, identity, folder, compute, fabric)
        if fabric.is_global_zero:
            save_model(objective.network, about, output)
            remove_checkpoints(folder)
            if judge:
                history = read_table(folder / "history.csv", {"epoch": int})
                if "train_accuracy" in history:
                    judge(float(history["train_accuracy"].iloc[-1]))


def load_teacher(
    model: Path, student: VideoNetwork, flow: Path, index: pd.DataFrame
) -> tuple[Teacher, ClipStore]:
    """A motion model and the flow that it reads.

    Raises MotionFitError if the model does not read flow, or its number of features differs from
    that of the student.
    """
    network, about = load_model(model)
    if about.modality != Modality.FLOW:
        raise MotionFitError(f"{model} does not read flow, so it can't be a teacher")
    if network.dim != student.dim:
        raise MotionFitError(
            f"{model} gives {network.dim} features, but the network to train gives {student.dim}: "
            "use backbones with the same number of features"
        )
    clips = ClipStore(flow, index["shard"], Modality.FLOW)
    warn_of_rates("what the teacher sees", clips.rate, about.rate)
    return Teacher(network), clips


def describe(
    network: Network,
    training: Training,
    store: ClipStore,
    names: list[str],
    learned: Learned,
    split: int,
    recipe: Recipe,
    history: list[str],
    licence: str | None,
) -> SavedModel:
    """The information to save with a network that reads the clips of `store`. `history`, `licence`:
    see SavedModel."""
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
        recipe=recipe.to_json(),
        history=history,
        licence=licence,
    )


def lesson(
    what: str, videos: int, index: Path, split: int, labels: LabelledPart = ALL_LABELS
) -> str:
    """A training as a step of a model's history, in words: what it learned from how many videos of
    which data set. The name of the index is that of the data set."""
    part = "" if labels.label_fraction == 1 else f" ({labels.label_fraction:.0%} of the labels)"
    return f"{what} of {videos} videos of {index.stem}, split {split}{part}"


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Prevents a second training in the same folder, such as one that a killed workflow has left
    running. The system releases the lock when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(folder / ".training.lock", fallback_to_soft=False)
    try:
        held = file_lock.acquire(blocking=False)
    except Timeout:
        raise MotionFitError(
            f"another training is running in {folder}: wait for it or end it"
        ) from None
    with held:
        yield


def identity_of(
    stage: str,
    about: SavedModel,
    stores: Stores,
    datasets: tuple[MultiClipDataset, MultiClipDataset | None],
    objective: Objective,
) -> Identity:
    """Everything that a training depends on: recipe, code of the stage, clips, labels and starting
    weights, including those of the teacher. The clips are represented by the sizes of their shards
    in bytes, which almost any change of a JPEG changes."""
    weights = hashlib.sha256()
    for tensor in objective.state_dict().values():
        weights.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    samples = hashlib.sha256()
    for dataset in datasets:
        for video in dataset.videos if dataset else ():
            samples.update(video.video.encode(errors="surrogateescape") + b"\0")
            for column in (video.starts, video.lengths, video.labels, video.weights):
                samples.update(np.ascontiguousarray(column).tobytes())
        samples.update(b"\n")
    networks = [part for part in objective.modules() if isinstance(part, VideoNetwork)]
    backbones = sorted({type(network).__module__ for network in networks})
    return {
        "model": asdict(about) | {"recipe": json.loads(about.recipe)},
        "clips": {
            store.modality: {"made": store.recipe, "bytes": store.shards.bytes}
            for store in stores
            if store
        },
        "videos and labels": samples.hexdigest(),
        "starting weights": weights.hexdigest(),
        "code": code_version(stage, *backbones),
    }
