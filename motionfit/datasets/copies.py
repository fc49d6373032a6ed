"""Leaves out videos that are near-duplicates of test videos."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from motionfit.errors import MotionFitError
from motionfit.result_tables import read_table

log = logging.getLogger(__name__)


def without_copies(rows: pd.DataFrame, files: Sequence[Path], split: int) -> pd.DataFrame:
    """The rows of an index without near-duplicates of test videos.

    `files`: what the stage `duplicates` found in this data set, each named TARGET/OTHER.csv. If the
    data set is the target itself, the test videos of `split` count, otherwise those of all splits.
    Raises MotionFitError if no row is left.
    """
    copies: set[str] = set()
    for file in files:
        table = read_table(file, {"other": str, "splits": str})
        if file.parent.name == file.stem:
            table = table[[str(split) in splits.split() for splits in table["splits"]]]
        copies.update(table["other"])
    left = rows[~rows["video"].isin(copies)]
    if len(left) < len(rows):
        log.info(
            "%d of %d videos are left out: they are near-duplicates of test videos",
            len(rows) - len(left),
            len(rows),
        )
    if left.empty:
        raise MotionFitError(
            f"all {len(rows)} videos to learn from are near-duplicates of test videos: see "
            f"{', '.join(map(str, files))}, or set exclude_near_duplicates: false"
        )
    return left
