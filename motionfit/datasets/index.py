"""The index of a data set, with one row per video, and functions that select videos from it.

Columns: `video` (a stable id: the path relative to the data set's folder, with forward slashes),
`path`, `label` (empty if unlabelled), `group` (the same for videos of one recording), `shard`, and
one column per split (`split1`, ...) with `train`, `test` or nothing.
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
    """A hash of a text that is the same on every machine and in every run."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def shard_of(video: str, shards: int) -> str:
    """The shard of a video. It depends on the id and the number of shards only, so that it stays
    the same when other videos are added or removed."""
    return f"{stable_hash(video) % shards:04d}"


def write_index(index: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        index.to_csv(temporary, index=False)


def read_index(path: Path) -> pd.DataFrame:
    """Reads an index. All columns are text, and an empty field is ''. Raises MotionFitError if the
    file is not a valid index."""
    index = read_table(path, dict.fromkeys(COLUMNS, str))
    splits = [column for column in index.columns if column.startswith("split")]
    index[splits] = index[splits].astype(str)
    problem = None
    if not index["shard"].str.fullmatch(r"\d+").all():  # shards become names of files
        problem = "a shard is not a number"
    elif index["video"].duplicated().any():
        problem = f"{index['video'][index['video'].duplicated()].iloc[0]!r} is in it twice"
    elif not index[splits].isin(["train", "test", ""]).all(axis=None):
        problem = "a split contains something other than train, test or nothing"
    if problem:
        raise MotionFitError(f"{path} is not a valid index ({problem}): delete it and run again")
    return index


def part(index: pd.DataFrame, split: int, name: str) -> pd.DataFrame:
    """The rows in the part `name` of a split, `train` or `test`.

    Raises MotionFitError if there is no such split or if the part has no videos.
    """
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
    """Draws `fraction` of the units (groups or videos), with a seed. A fraction above zero gives at
    least one unit.

    The units are ordered by a hash of their name and the seed, so that a smaller fraction is a
    subset of a larger one, and an added unit does not change the order of the others.
    """
    order = sorted(set(units), key=lambda unit: (stable_hash(f"{seed}:{unit}"), unit))
    count = round(fraction * len(order))
    return order[: max(count, 1)] if fraction > 0 else []


def labelled_train(index: pd.DataFrame, split: int, labels: LabelledPart) -> pd.DataFrame:
    """The training videos whose labels may be used: about the fraction `labels.label_fraction` of
    each class.

    The groups or videos of each class are ordered by the seed, and the first ones are selected so
    that the number of videos is nearest to the fraction, at least one. Groups are kept whole, so
    that no recording is partly labelled. A group with several classes is selected if one of the
    classes selects it. A smaller fraction gives a subset of a larger one.
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
    """The rows to learn from without labels, for `videos` either `all` or `train`.

    `train` leaves out the test videos of the split, and the videos in neither part of the split
    that share a recording with a test video. If the data set has a single split, that one is used.
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
    """The sorted labels of a data set. The index of a label in this list is its class number."""
    return sorted(set(index["label"]) - {""})
