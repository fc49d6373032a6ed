"""Self-training: an RGB network learns the pseudo-labels of motion."""

from pathlib import Path

import pandas as pd

from motionfit.config import AppearanceModel
from motionfit.models import starting_network
from motionfit.store.clips import ClipStore
from motionfit.training.labels import stored, with_pseudo_labels
from motionfit.training.run import describe, train_and_save


def train_appearance_model(
    recipe: AppearanceModel,
    index: pd.DataFrame,
    split: int,
    pseudo_labels: pd.DataFrame,
    frames: Path,
    threads: int,
    output: Path,
) -> None:
    """Trains a network on the RGB frames of the source to predict the pseudo-labels (columns
    video, start, length, label) of the motion model of `split`, from random weights or those of
    the recipe's weight file."""
    store = ClipStore(frames, index["shard"], "frames")
    rows, videos = with_pseudo_labels(index, pseudo_labels)
    rows = stored(rows, store, recipe.network.clip_length)
    videos = [video for video in videos if video.video in store]
    names = [str(k) for k in range(int(pseudo_labels["label"].max()) + 1)]
    network = starting_network(recipe.network, "frames", len(names), seed=recipe.training.seed)
    about = describe(recipe.network, recipe.training, store, names, "pseudo-labels", split,
                     recipe.to_json())  # fmt: skip
    train_and_save(network, about, rows, videos, store, recipe.training, threads, output)
