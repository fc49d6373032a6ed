"""Trains a motion model, the paper's motion pseudo-label generator."""

from pathlib import Path

import pandas as pd

from motionfit.config import ALL_LABELS, LabelledPart, MotionModel
from motionfit.datasets.index import classes, labelled_train, read_index
from motionfit.modality import Modality
from motionfit.models import Learned, starting_network
from motionfit.options import (
    ONE_DEVICE,
    ClipsFolder,
    HardwareOptions,
    IndexFile,
    JsonLabelledPart,
    JsonRecipe,
    Output,
    Split,
)
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import Compute
from motionfit.training.labels import with_labels
from motionfit.training.objective import ClipLosses
from motionfit.training.run import describe, train_and_save


def motion_model(
    *,
    recipe: JsonRecipe[MotionModel],
    labelled_part: JsonLabelledPart = ALL_LABELS,
    index: IndexFile,
    split: Split,
    clips_folder: ClipsFolder,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train a motion model on labelled flow or frames."""
    compute = Compute(**vars(hardware))
    train_motion_model(
        recipe, labelled_part, read_index(index), split, clips_folder, compute, output
    )


def train_motion_model(
    recipe: MotionModel,
    labels: LabelledPart,
    index: pd.DataFrame,
    split: int,
    clips: Path,
    compute: Compute,
    output: Path,
) -> None:
    """Trains a network on the labelled training videos of a split: on their flow or, if the recipe
    has no flow, on their frames. The initial weights are random, or those of the recipe's weight
    file.

    `labels`: the part of the labels that is used. `clips`: folder of the shards of flow or frames.
    """
    modality = Modality.FRAMES if recipe.flow is None else Modality.FLOW
    store = ClipStore(clips, index["shard"], modality)
    names = classes(index)
    rows = labelled_train(index, split, labels)
    rows = rows_with_clips(rows, store, recipe.network.clip_length)
    network = starting_network(recipe.network, modality, len(names), seed=recipe.training.seed)
    learned = Learned.LABELS if recipe.training.multi_clip_weight else Learned.CLIP_ORDER
    about = describe(
        recipe.network, recipe.training, store, names, learned, split, recipe.to_json()
    )
    objective = ClipLosses(network, modality, recipe.training, len(names))
    train_and_save(
        objective,
        about,
        rows,
        with_labels(rows, store, names),
        (store, None),
        recipe.training,
        compute,
        output,
    )
