"""Kinetics: ActivityNet's CSV files, and videos with the names that common downloaders give."""

import logging
import posixpath
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from motionfit.config import Kinetics
from motionfit.datasets.files import (
    CONTROL,
    few,
    index_frame,
    nfc,
    read_csv,
    report_missing,
    scan,
    warn_of_names,
)
from motionfit.errors import MotionFitError

COLUMNS = ("youtube_id", "time_start", "time_end", "split")
PARTS = {
    "train": "train",
    "val": "test",
    "validate": "test",
    "validation": "test",
    "test": "test",
}

log = logging.getLogger(__name__)


class Clip(NamedTuple):
    """A row of the CSV files, with times in seconds."""

    youtube_id: str
    start: int
    end: int
    label: str
    split: str


def index_kinetics(recipe: Kinetics) -> pd.DataFrame:
    """The listed videos that are on disk, at any depth, as ID.mp4 or ID_000010_000020.mp4.

    The group is the YouTube id. Validation videos, and test videos that have a label, are `test`.
    Missing videos, and videos that are listed with different labels or splits, are left out with a
    warning.

    Raises MotionFitError if no listed video is on disk.
    """
    clips = sorted({clip for path in recipe.annotations for clip in read_clips(path)})
    if not clips:
        raise MotionFitError(
            f"annotations: {few([str(path) for path in recipe.annotations])} list no video: "
            "give the official CSV files"
        )
    tree = scan(recipe.videos)
    warn_of_names(recipe.videos, tree, recipe.annotations)
    # In reverse order, so that the first of two videos with the same name counts.
    videos = {stem(video): video for video in reversed(tree.videos)}
    clips_of: dict[str, set[Clip]] = defaultdict(set)
    missing = []
    for clip in clips:
        trimmed = f"{clip.youtube_id}_{clip.start:06d}_{clip.end:06d}"
        video = videos.get(trimmed) or videos.get(clip.youtube_id)
        if video:
            clips_of[video].add(clip)
        else:
            missing.append(clip)
    counts = Counter(clip.split for clip in missing)
    report_missing(
        recipe.videos,
        [clip.youtube_id for clip in missing],
        len(clips),
        "their names must be ID.mp4 or ID_000010_000020.mp4",
        counts=f" ({', '.join(f'{split} {count}' for split, count in sorted(counts.items()))})",
    )
    rows, ambiguous = [], []
    for video, listed in clips_of.items():
        labels_and_parts = {(clip.label, part_of(clip)) for clip in listed}
        if len(labels_and_parts) > 1:
            ambiguous.append(video)
            continue
        [(label, part)] = labels_and_parts
        group = next(iter(listed)).youtube_id
        rows.append({"video": video, "label": label, "group": group, "split1": part})
    if ambiguous:
        log.warning(
            "%d videos are left out, since they are listed with more than one label or split: %s",
            len(ambiguous),
            few(ambiguous),
        )
    return index_frame(recipe.videos, rows, ["split1"])


def stem(video: str) -> str:
    """The name of a video without folders and suffix. A path object takes ten times as long."""
    return posixpath.splitext(posixpath.basename(video))[0]


def read_clips(path: Path) -> list[Clip]:
    """The rows of a CSV file. The official test files have no labels, but all others need them.

    Raises MotionFitError if the file is not in the format of ActivityNet.
    """
    rows = read_csv(path, "annotations", COLUMNS)
    if rows and "label" not in rows[0][1] and any(row["split"] != "test" for _, row in rows):
        raise MotionFitError(
            f"annotations: {path} lacks the column label, which only a file of test videos may lack"
        )
    clips = []
    for line, row in rows:
        try:
            start, end = int(float(row["time_start"])), int(float(row["time_end"]))
        except (ValueError, OverflowError):
            raise MotionFitError(
                f"annotations: {path}, line {line}: time_start and time_end must be seconds, not "
                f"{row['time_start']!r} and {row['time_end']!r}"
            ) from None
        label = nfc(row.get("label", ""))
        if CONTROL.search(label):
            raise MotionFitError(
                f"annotations: {path}, line {line}: the label {label!a} contains a control "
                "character, such as a line break: remove it"
            )
        clips.append(Clip(row["youtube_id"], start, end, label, row["split"]))
    return clips


def part_of(clip: Clip) -> str:
    """The part of the split that a clip belongs to: train, test or ''."""
    return PARTS.get(clip.split, "") if clip.label else ""
