"""From an index and stored clips to labelled videos."""

import logging

import pandas as pd

from motionfit.config import Training
from motionfit.datasets.index import hold_out
from motionfit.errors import MotionFitError
from motionfit.store.clips import ClipStore
from motionfit.training.data import LabelledVideo, MultiClips, whole_video

log = logging.getLogger(__name__)


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


def with_pseudo_labels(
    rows: pd.DataFrame, pseudo_labels: pd.DataFrame
) -> tuple[pd.DataFrame, list[LabelledVideo]]:
    """The rows that have pseudo-labels, and their videos with a window a pseudo-label."""
    by_video = dict(list(pseudo_labels.groupby("video", sort=False)))
    rows = rows[rows["video"].isin(by_video.keys())]
    videos = [
        LabelledVideo(
            video,
            by_video[video]["start"].to_numpy(),
            by_video[video]["length"].to_numpy(),
            by_video[video]["label"].to_numpy(),
        )
        for video in rows["video"]
    ]
    return rows, videos


def training_and_validation(
    rows: pd.DataFrame,
    videos: list[LabelledVideo],
    store: ClipStore,
    clip_length: int,
    recipe: Training,
    keep_classes: bool,
) -> tuple[MultiClips, MultiClips | None]:
    """Splits the videos (one a row) by group; the second set is None where nothing is held out.

    `keep_classes`: see `hold_out`; it looks at the true labels.
    """
    learned, watched = hold_out(rows, recipe.validation_fraction, recipe.seed, keep_classes)
    by_id = {video.video: video for video in videos}

    def clips(part: pd.DataFrame, training: bool) -> MultiClips:
        return MultiClips(
            store, [by_id[video] for video in part["video"]], clip_length, recipe.clips_per_video,
            recipe.crop, recipe.flip, recipe.seed, training,
            recipe.order_gap if recipe.multi_clip_weight < 1 else None,
        )  # fmt: skip

    log.info("%d videos to learn from, %d to watch with", len(learned), len(watched))
    return clips(learned, True), clips(watched, False) if len(watched) else None
