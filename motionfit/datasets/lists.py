"""Data sets with one folder per class and official lists of their splits."""

import posixpath
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pandas as pd

from motionfit.datasets.files import (
    index_frame,
    need_folder,
    nfc,
    report_missing,
    scan,
    warn_of_names,
)
from motionfit.errors import MotionFitError


def split_lists(folder: Path, pattern: str) -> list[Path]:
    """The sorted split lists in the folder of the annotations.

    Raises MotionFitError if the folder is missing or contains no list.
    """
    advice = "give the folder of the official split lists"
    need_folder(folder, "annotations", advice)
    lists = sorted(folder.glob(pattern))
    if not lists:
        raise MotionFitError(f"annotations: {folder} has no split list ({pattern}): {advice}")
    return lists


def index_lists(
    folder: Path,
    lists: Path,
    listed: dict[str, dict[str, str]],
    splits: list[str],
    group_of: Callable[[str, str], str],
) -> pd.DataFrame:
    """The index of a data set, without its column `shard`.

    Parameters
    ----------
    folder
        Folder of the videos.
    lists
        Folder of the lists.
    listed
        For each `CLASS/NAME.avi` of the lists, its part (train, test or '') per split column.
    splits
        Names of the split columns.
    group_of
        Returns the group of a video, given its label and the stem of its name.

    Case, Unicode form and suffix may differ between the lists and the disk: UCF101 has both
    HandstandPushups and HandStandPushups, and some copies are .mp4 files. The split columns of a
    video in no list are empty. Listed videos that are missing are left out, with a warning.

    Raises MotionFitError if all listed videos are missing, or if one is listed in two parts of a
    split.
    """
    if not listed:
        raise MotionFitError("annotations: the split lists are empty: give the official ones")
    tree = scan(folder)
    warn_of_names(folder, tree, [lists])
    parts = _parts_by_key(listed)
    present = set(map(_key, tree.videos))
    missing = [name for name in listed if _key(name) not in present]
    advice = "give the folder that contains one folder per class"
    report_missing(folder, missing, len(listed), advice, shown=1)
    rows = []
    for video in tree.videos:
        label, stem = nfc(PurePosixPath(video).parent.name), nfc(PurePosixPath(video).stem)
        row = {"video": video, "label": label, "group": group_of(label, stem)}
        rows.append(row | dict.fromkeys(splits, "") | parts.get(_key(video), {}))
    return index_frame(folder, rows, splits)


def _parts_by_key(listed: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The parts of the listed videos, by the keys of their names. Raises MotionFitError if two
    names with one key are in different parts."""
    parts: dict[str, dict[str, str]] = {}
    for name, part_of in listed.items():
        known = parts.setdefault(_key(name), {})
        for column, part in part_of.items():
            if known.setdefault(column, part) != part:
                raise MotionFitError(
                    f"annotations: {name} is listed twice for {column}, with names that differ in "
                    "case, Unicode form or suffix, in different parts: remove one of them"
                )
    return parts


def _key(name: str) -> str:
    """A name without suffix, the same for any case and Unicode form."""
    return nfc(nfc(posixpath.splitext(name)[0]).casefold())
