"""Trains an appearance model: an RGB network that learns pseudo-labels."""

from pathlib import Path

import pandas as pd

from motionfit.config import AppearanceModel
from motionfit.datasets.index import read_index
from motionfit.modality import Modality
from motionfit.models import Learned, starting_network
from motionfit.options import (
    ONE_DEVICE,
    FramesFolder,
    HardwareOptions,
    IndexFile,
    JsonRecipe,
    Output,
    Split,
)
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import Compute
from motionfit.training.labels import read_pseudo_labels, with_pseudo_labels
from motionfit.training.objective import ClipLosses
from motionfit.training.run import describe, train_and_save


def appearance_model(
    *,
    recipe: JsonRecipe[AppearanceModel],
    index: IndexFile,
    split: Split,
    pseudo_labels: Path,
    frames: FramesFolder,
    hardware: HardwareOptions = ONE_DEVICE,
    output: Output,
) -> None:
    """Train an RGB network on pseudo-labels.

    Parameters
    ----------
    pseudo_labels
        The labels.csv.
    """
    compute = Compute(**vars(hardware))
    train_appearance_model(
        recipe,
        read_index(index),
        split,
        read_pseudo_labels(pseudo_labels),
        frames,
        compute,
        output,
    )


def train_appearance_model(
    recipe: AppearanceModel,
    index: pd.DataFrame,
    split: int,
    pseudo_labels: pd.DataFrame,
    frames: Path,
    compute: Compute,
    output: Path,
) -> None:
    """Trains a network on the RGB frames of the source to predict pseudo-labels.

    `pseudo_labels`: columns video, start, length, label, from the motion model of `split`. The
    initial weights are random, or those of the recipe's weight file.
    """
    store = ClipStore(frames, index["shard"], Modality.FRAMES)
    rows, videos = with_pseudo_labels(index, pseudo_labels)
    rows = rows_with_clips(rows, store, recipe.network.clip_length)
    videos = [video for video in videos if video.video in store]
    names = [str(k) for k in range(int(pseudo_labels["label"].max()) + 1)]
    network = starting_network(
        recipe.network, Modality.FRAMES, len(names), seed=recipe.training.seed
    )
    about = describe(
        recipe.network,
        recipe.training,
        store,
        names,
        Learned.PSEUDO_LABELS,
        split,
        recipe.to_json(),
    )
    objective = ClipLosses(
        network, Modality.FRAMES, recipe.training, len(names), recipe.training.neighbours
    )
    train_and_save(objective, about, rows, videos, (store, None), recipe.training, compute, output)
