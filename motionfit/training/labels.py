"""From an index and stored clips to labelled videos."""

import logging
from pathlib import Path

import pandas as pd

from motionfit.config import SelfTraining, Training
from motionfit.datasets.index import hold_out
from motionfit.errors import MotionFitError
from motionfit.result_tables import read_table
from motionfit.store.clips import ClipStore
from motionfit.training.data import LabelledVideo, MultiClips, balanced, whole_video
from motionfit.training.losses import NO_LABEL

log = logging.getLogger(__name__)

Stores = tuple[ClipStore, ClipStore | None]
"""The clips that a network learns from, and those that its teacher reads, where it has one."""


def stored(rows: pd.DataFrame, store: ClipStore, clip_length: int) -> pd.DataFrame:
    """The rows whose videos could be decoded.

    Raises MotionFitError where none could, or all are shorter than a clip.
    """
    present = rows[[video in store for video in rows["video"]]]
    if len(present) < len(rows):
        log.warning("%d of %d videos could not be decoded", len(rows) - len(present), len(rows))
    if present.empty:
        raise MotionFitError(f"none of the {len(rows)} videos could be decoded: see the ledger")
    longest = max(store.length(video) for video in present["video"])
    if longest < clip_length:
        raise MotionFitError(
            f"clip_length is {clip_length}, but the longest of the {len(present)} videos has "
            f"{longest} frames: take a smaller clip_length"
        )
    return present


def with_labels(rows: pd.DataFrame, store: ClipStore, classes: list[str]) -> list[LabelledVideo]:
    """Videos whose label in the index holds for all of their clips."""
    number = {name: i for i, name in enumerate(classes)}
    return [
        whole_video(row.video, store.length(row.video), number[row.label])
        for row in rows.itertuples()
    ]


def without_labels(rows: pd.DataFrame, store: ClipStore) -> list[LabelledVideo]:
    """Videos for an objective that looks at no labels."""
    return [whole_video(video, store.length(video), NO_LABEL) for video in rows["video"]]


def read_pseudo_labels(path: Path) -> pd.DataFrame:
    """The pseudo-labels of a source: video, start, length, label, those of a video in order.

    Raises MotionFitError where the file has none, or others than a clustering gives.
    """
    table = read_table(path, {"video": str, "start": int, "length": int, "label": int})
    wrong = None
    if table.empty:
        wrong = "it is empty"
    elif (table[["start", "label"]] < 0).any(axis=None) or (table["length"] < 1).any():
        wrong = "a start or label is below 0, or a length below 1"
    elif ((table["start"].diff() <= 0) & (table["video"] == table["video"].shift())).any():
        wrong = "the starts of a video do not ascend"
    if wrong:
        raise MotionFitError(f"{path} holds no pseudo-labels ({wrong}): delete it and run again")
    return table


def with_pseudo_labels(
    rows: pd.DataFrame, pseudo_labels: pd.DataFrame
) -> tuple[pd.DataFrame, list[LabelledVideo]]:
    """The rows that have pseudo-labels, and their videos with a window a pseudo-label, of its
    length as weight."""
    places = pseudo_labels.groupby("video", sort=False).indices
    starts, lengths, labels = (pseudo_labels[c].to_numpy() for c in ("start", "length", "label"))
    rows = rows[rows["video"].isin(places.keys())]
    videos = [
        LabelledVideo(video, starts[own], lengths[own], labels[own], lengths[own])
        for video, own in ((video, places[video]) for video in rows["video"])
    ]
    return rows, videos


def training_and_validation(
    rows: pd.DataFrame,
    videos: list[LabelledVideo],
    stores: Stores,
    clip_length: int,
    recipe: Training,
    keep_classes: bool,
    encoded: bool = False,
) -> tuple[MultiClips, MultiClips | None]:
    """The videos (one per row) to learn from and those to watch with; the second set is None where
    nothing is held out.

    `keep_classes`: see `hold_out`; it looks at the true labels. `encoded`: see `MultiClips`. Raises
    MotionFitError where the best epoch is to be kept and there is nothing to tell it by.
    """
    self_training = recipe if isinstance(recipe, SelfTraining) else SelfTraining()
    even = self_training.balanced
    learned, watched = hold_out(
        rows, recipe.validation_fraction, recipe.seed, keep_classes, recipe.validation_unit
    )
    if recipe.keep == "best" and watched.empty:
        raise MotionFitError(
            f"keep: best, but none of the {len(rows)} videos can be held out to tell the best epoch"
            " by: raise validation_fraction, take validation_unit: video, or keep: last"
        )
    by_id = {video.video: video for video in videos}

    def clips(part: pd.DataFrame, training: bool) -> MultiClips:
        chosen = [by_id[video] for video in part["video"]]
        return MultiClips(
            stores[0],
            balanced(chosen) if even and training else chosen,
            clip_length,
            recipe.clips_per_video,
            recipe.crop,
            recipe.flip,
            recipe.seed,
            training,
            recipe.clip_gap,
            stores[1],
            repeat=even and training,
            encoded=encoded,
            jitter=self_training.jitter,
        )

    log.info("%d videos to learn from, %d to watch with", len(learned), len(watched))
    return clips(learned, True), clips(watched, False) if len(watched) else None
