"""Training a motion model: the paper's motion pseudo-label generator."""

from pathlib import Path

import pandas as pd

from motionfit.config import MotionModel
from motionfit.datasets.index import classes, labelled_train
from motionfit.models import starting_network
from motionfit.store.clips import ClipStore
from motionfit.training.labels import stored, with_labels
from motionfit.training.run import describe, train_and_save


def train_motion_model(
    recipe: MotionModel, index: pd.DataFrame, split: int, flow: Path, threads: int, output: Path
) -> None:
    """Trains a network on the flow of a split's labelled training videos, from random weights
    or those of the recipe's weight file."""
    store = ClipStore(flow, index["shard"], "flow")
    names = classes(index)
    rows = labelled_train(index, split, recipe.label_fraction, recipe.label_seed)
    rows = stored(rows, store, recipe.network.clip_length)
    network = starting_network(recipe.network, "flow", len(names), seed=recipe.training.seed)
    learned = "labels" if recipe.training.multi_clip_weight else "clip order"
    about = describe(recipe.network, recipe.training, store, names, learned, split,
                     recipe.to_json())  # fmt: skip
    train_and_save(network, about, rows, with_labels(rows, store, names), store, recipe.training,
                   threads, output)  # fmt: skip
