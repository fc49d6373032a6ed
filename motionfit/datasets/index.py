"""The index of a data set: one row a video, and what the stages ask of it.

Columns: `video` (a stable id: the path below the data set's folder, with forward slashes), `path`,
`label` (empty where unlabelled), `group` (videos of one recording share it), `shard`, and one
column a split (`split1`, ...) that says `train`, `test` or nothing.
"""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from motionfit.config import LabelledPart
from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.result_tables import read_table

COLUMNS = ["video", "path", "label", "group", "shard"]


def split_column(split: int) -> str:
    return f"split{split}"


def stable_hash(text: str) -> int:
    """The same number for the same text on every machine, in every run."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def shard_of(video: str, shards: int) -> str:
    """The shard of a video. It depends on nothing but its id, so that another video that is added
    to or removed from the data set leaves it where it is."""
    return f"{stable_hash(video) % shards:04d}"


def write_index(index: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        index.to_csv(temporary, index=False)


def read_index(path: Path) -> pd.DataFrame:
    """The index as text columns; an empty field is ''. Raises MotionFitError where it is none."""
    index = read_table(path, dict.fromkeys(COLUMNS, str))
    splits = [column for column in index.columns if column.startswith("split")]
    index[splits] = index[splits].astype(str)
    wrong = None
    if not index["shard"].str.fullmatch(r"\d+").all():  # they become names of files
        wrong = "a shard is no number"
    elif index["video"].duplicated().any():
        wrong = f"{index['video'][index['video'].duplicated()].iloc[0]!r} is in it twice"
    elif not index[splits].isin(["train", "test", ""]).all(axis=None):
        wrong = "a split says something else than train, test or nothing"
    if wrong:
        raise MotionFitError(f"{path} is no index ({wrong}): delete it and run again")
    return index


def part(index: pd.DataFrame, split: int, name: str) -> pd.DataFrame:
    """The rows that a split calls `name`, `train` or `test`."""
    column = split_column(split)
    if column not in index.columns:
        known = [name.removeprefix("split") for name in index.columns if name.startswith("split")]
        raise MotionFitError(
            f"the data set has no split {split} (it has: {', '.join(known) or 'none'})"
        )
    rows = index[index[column] == name]
    if rows.empty:
        raise MotionFitError(f"split {split} has no {name} videos")
    return rows


def draw_units(units: list[str], fraction: float, seed: int) -> list[str]:
    """`fraction` of the units (groups or videos), at least one where it is above zero, drawn by
    `seed`.

    The draw is by a hash of each unit, so a smaller fraction is part of a larger one, and a unit
    that is added moves no other.
    """
    order = sorted(set(units), key=lambda unit: (stable_hash(f"{seed}:{unit}"), unit))
    count = round(fraction * len(order))
    return order[: max(count, 1)] if fraction > 0 else []


def labelled_train(index: pd.DataFrame, split: int, labels: LabelledPart) -> pd.DataFrame:
    """The training videos whose labels may be used: of each class about the part's fraction.

    Each class takes its groups, or its videos, in an order drawn by the part's seed until it is
    nearest to its fraction of videos, one at least. Groups are kept whole, so that no recording is
    both labelled and not; one that holds several classes is taken if one of them takes it. A
    smaller fraction is part of a larger one.
    """
    train = part(index, split, "train")
    if labels.label_fraction == 1:
        return train
    unit = labels.label_unit
    taken: set[str] = set()
    for _, videos in train.groupby("label"):
        order = draw_units(list(videos[unit]), 1, labels.label_seed)
        counts = videos[unit].value_counts()[order].cumsum()
        nearest = int((counts - labels.label_fraction * len(videos)).abs().to_numpy().argmin())
        taken.update(order[: nearest + 1])
    return train[train[unit].isin(taken)]


def source_videos(index: pd.DataFrame, split: int, videos: str) -> pd.DataFrame:
    """The rows to learn from without labels: `all`, or `train`, which leaves out the test videos of
    the split, and videos in no part of it that are of a recording with a test video.

    A data set with a single split is asked for that one.
    """
    if videos == "all":
        return index
    splits = [column for column in index.columns if column.startswith("split")]
    column = splits[0] if len(splits) == 1 else split_column(split)
    test = index[column] == "test"
    unplaced = (index[column] == "") & index["group"].isin(index["group"][test])
    return index[~test & ~unplaced]


def hold_out(
    videos: pd.DataFrame, fraction: float, seed: int, keep_classes: bool, unit: str = "group"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits training videos into a training set and a validation set.

    Whole units are held out, `group` or `video`; with groups, no recording is on both sides. At
    most `fraction` of the units are held out. With `keep_classes`, none of them contains the last
    training videos of a class.
    """
    labels = videos.groupby(unit)["label"].agg(set)
    left = Counter(label for of_group in labels for label in of_group)
    held: set[str] = set()
    for i in np.random.default_rng(seed).permutation(len(labels)):
        if len(held) + 1 > fraction * len(labels):
            break
        if keep_classes and any(left[label] == 1 for label in labels.iloc[i]):
            continue
        held.add(labels.index[i])
        left.subtract(labels.iloc[i])
    validation = videos[unit].isin(held)
    return videos[~validation], videos[validation]


def classes(index: pd.DataFrame) -> list[str]:
    """The sorted labels of a data set: a label's place is its number."""
    return sorted(set(index["label"]) - {""})
