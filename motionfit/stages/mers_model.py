"""Trains a model by MERS: an RGB network that learns the features of a motion model."""

from pathlib import Path

import pandas as pd

from motionfit.config import AppearanceModel
from motionfit.datasets.index import read_index, source_videos
from motionfit.modality import Modality
from motionfit.models import Learned, starting_network
from motionfit.options import (
    ONE_DEVICE,
    FlowFolder,
    FramesFolder,
    HardwareOptions,
    IndexFile,
    JsonRecipe,
    Output,
    Split,
)
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import Compute
from motionfit.training.labels import without_labels
from motionfit.training.objective import Mers
from motionfit.training.run import describe, load_teacher, train_and_save


def mers_model(
    *,
    recipe: JsonRecipe[AppearanceModel],
    index: IndexFile,
    split: Split,
    teacher: Path,
    frames: FramesFolder,
    flow: FlowFolder,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train an RGB network on the features of a motion model.

    Parameters
    ----------
    teacher
        model.pt of the motion model.
    """
    compute = Compute(**vars(hardware))
    train_mers_model(recipe, read_index(index), split, teacher, frames, flow, compute, output)


def train_mers_model(
    recipe: AppearanceModel,
    index: pd.DataFrame,
    split: int,
    teacher: Path,
    frames: Path,
    flow: Path,
    compute: Compute,
    output: Path,
) -> None:
    """Trains a network on the RGB frames of the source to predict the features that the motion
    model `teacher` computes from their flow. The initial weights are random, or those of the
    recipe's weight file."""
    store = ClipStore(frames, index["shard"], Modality.FRAMES)
    rows = source_videos(index, split, recipe.mers.videos)
    rows = rows_with_clips(rows, store, recipe.network.clip_length)
    network = starting_network(recipe.network, Modality.FRAMES, 1, seed=recipe.training.seed)
    teacher_network, teacher_clips = load_teacher(teacher, network, flow, index)
    about = describe(
        recipe.network,
        recipe.training,
        store,
        ["none"],
        Learned.TEACHER_FEATURES,
        split,
        recipe.to_json(),
    )
    objective = Mers(network, teacher_network, recipe.mers.weight)
    train_and_save(
        objective,
        about,
        rows,
        without_labels(rows, store),
        (store, teacher_clips),
        recipe.training,
        compute,
        output,
    )
