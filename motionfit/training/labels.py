"""From an index and stored clips to labelled videos, and to the datasets of a training."""

import logging
from pathlib import Path

import pandas as pd

from motionfit.clips.sampling import LabelledVideo, whole_video
from motionfit.config import Training
from motionfit.datasets.index import hold_out
from motionfit.errors import MotionFitError
from motionfit.result_tables import read_table
from motionfit.store.clips import ClipStore
from motionfit.training.data import MultiClipDataset

log = logging.getLogger(__name__)

Stores = tuple[ClipStore, ClipStore | None]
"""The clips that a network learns from, and those of its teacher, if it has one."""


def with_labels(rows: pd.DataFrame, store: ClipStore, classes: list[str]) -> list[LabelledVideo]:
    """Videos whose clips all have the label of the video in the index."""
    class_number = {name: i for i, name in enumerate(classes)}
    return [
        whole_video(row.video, store.length(row.video), class_number[row.label])
        for row in rows.itertuples()
    ]


def read_pseudo_labels(path: Path) -> pd.DataFrame:
    """A table of pseudo-labels: video, start, length, label; the starts of a video ascend.

    Raises MotionFitError if the file has no pseudo-labels or invalid ones.
    """
    table = read_table(path, {"video": str, "start": int, "length": int, "label": int})
    problem = None
    if table.empty:
        problem = "it is empty"
    elif (table[["start", "label"]] < 0).any(axis=None) or (table["length"] < 1).any():
        problem = "a start or label is below 0, or a length below 1"
    elif ((table["start"].diff() <= 0) & (table["video"] == table["video"].shift())).any():
        problem = "the starts of a video do not ascend"
    if problem:
        raise MotionFitError(
            f"{path} does not contain valid pseudo-labels ({problem}): delete it and run again"
        )
    return table


def with_pseudo_labels(
    rows: pd.DataFrame, pseudo_labels: pd.DataFrame
) -> tuple[pd.DataFrame, list[LabelledVideo]]:
    """The rows of an index that have pseudo-labels, and their videos, with one window per
    pseudo-label. The weight of a window is its length."""
    indices = pseudo_labels.groupby("video", sort=False).indices
    windows = pseudo_labels[["start", "length", "label"]].to_numpy()
    rows = rows[rows["video"].isin(indices.keys())]
    videos = []
    for video in rows["video"]:
        starts, lengths, labels = windows[indices[video]].T
        videos.append(LabelledVideo(video, starts, lengths, labels, lengths))
    return rows, videos


def training_and_validation(
    rows: pd.DataFrame,
    videos: list[LabelledVideo],
    stores: Stores,
    clip_length: int,
    recipe: Training,
    keep_classes: bool,
    encoded: bool = False,
) -> tuple[MultiClipDataset, MultiClipDataset | None]:
    """The datasets for training and validation, from `videos`, one per row. The second one is None
    if no video is held out.

    `keep_classes`: see `hold_out`; it uses the true labels. `encoded`: see `MultiClipDataset`.
    Raises MotionFitError if the recipe keeps the best epoch and no video is held out.
    """
    training_rows, validation_rows = hold_out(
        rows, recipe.validation_fraction, recipe.seed, keep_classes, recipe.validation_unit
    )
    if recipe.keep == "best" and validation_rows.empty:
        raise MotionFitError(
            f"keep: best needs validation videos, but none of the {len(rows)} videos can be held "
            "out: raise validation_fraction, use validation_unit: video, or keep: last"
        )
    by_id = {video.video: video for video in videos}

    def dataset(rows: pd.DataFrame, training: bool) -> MultiClipDataset:
        chosen = [by_id[video] for video in rows["video"]]
        store, teacher = stores
        return MultiClipDataset(store, chosen, clip_length, recipe, training, teacher, encoded)

    log.info("%d training videos, %d validation videos", len(training_rows), len(validation_rows))
    validation_set = dataset(validation_rows, training=False) if len(validation_rows) else None
    return dataset(training_rows, training=True), validation_set
