"""Self-training: an RGB network learns the pseudo-labels of motion, or by MERS its features."""

from pathlib import Path

import pandas as pd

from motionfit.config import AppearanceModel
from motionfit.datasets.index import source_videos
from motionfit.modality import Modality
from motionfit.models import Learned, starting_network
from motionfit.store.clips import ClipStore, rows_with_clips
from motionfit.training.compute import Compute
from motionfit.training.labels import with_pseudo_labels, without_labels
from motionfit.training.objective import ClipLosses, Mers
from motionfit.training.run import describe, load_teacher, train_and_save


def train_appearance_model(
    recipe: AppearanceModel,
    index: pd.DataFrame,
    split: int,
    pseudo_labels: pd.DataFrame,
    frames: Path,
    compute: Compute,
    output: Path,
) -> None:
    """Trains a network on the RGB frames of the source to predict the pseudo-labels (columns
    video, start, length, label) of the motion model of `split`, from random weights or those of
    the recipe's weight file."""
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
    """Trains a network on the RGB frames of the source to give the features that the motion model
    `teacher` gives of their flow, from random weights or those of the recipe's weight file."""
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
