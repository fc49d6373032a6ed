"""Guesses from their names which videos are of one recording or person."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from motionfit.datasets.files import nfc

FEWEST = 6
"""Smallest number of groups that names may suggest. A confidence interval needs as many."""
CROSSING = 0.5
"""Share of the numbers at the end of names that have to occur in several classes. Otherwise the
numbers only count the videos."""

_BREAK = r"[_\-. ]"
_PEOPLE = "person|people|subject|subj|sub|actor|user|participant|player|speaker|driver|patient"
_PARTS = "clip|part|seg|segment|shot|scene|take|c|p|s|d"


class Groups(NamedTuple):
    """Groups that names suggest."""

    names: list[str]
    """The group of each video."""
    what: str
    """What the videos of a group have in common, in words."""


def suggested(
    videos: Sequence[str],
    labels: Sequence[str],
    class_folders: bool,
    look_alike: Callable[[Sequence[str]], bool],
) -> Groups | None:
    """The groups that the names of labelled videos suggest, or None.

    `videos` are ids: paths below the folder of the data set, whose first part is the class if there
    are `class_folders`. Groups are only suggested if all videos have one, some share one, there are
    `FEWEST` or more, and each class is in two or more of them, so that it can be learned and
    tested. `look_alike` tells whether the videos of each group look alike; it is asked if the names
    alone may mean something else.
    """
    for what, names in _candidates(videos, labels, class_folders):
        if None not in names and _useful(names, labels):
            return Groups(names, what)
    names = _found(r"(\d+)$", _without_classes(videos, labels))
    plausible = None not in names and _useful(names, labels) and _cross_classes(names, labels)
    # Often such a number only counts the videos of a class.
    if plausible and look_alike(names):
        return Groups(names, "the number at the end of each name, since they look alike")
    return None


def _candidates(
    videos: Sequence[str], labels: Sequence[str], class_folders: bool
) -> Iterator[tuple[str, list[str | None]]]:
    """Ways to group the videos, the surest first: what a group has in common, and the group of each
    video, or None."""
    what = "the folder inside the class's folder" if class_folders else "the folder"
    yield what, [_folder(video, int(class_folders)) for video in videos]
    stems = [_stem(video) for video in videos]
    yield "the part g01, g02, ... of each name", _found(rf"{_BREAK}(g\d+)(?={_BREAK}|$)", stems)
    person = rf"(?:^|{_BREAK})((?:{_PEOPLE})[_-]?\d+)(?={_BREAK}|$)|^([ps]\d+)(?={_BREAK}|$)"
    yield "the person in each name", _found(person, stems)
    yield "the video that each clip is cut from", _found(r"^(.+)_\d{6}_\d{6}$", stems)
    prefix = rf"^(.*?\w){_BREAK}+(?:{_PARTS})?[_-]?\d+$"
    rest = _without_classes(videos, labels)
    yield "all of each name but the number at its end", _found(prefix, rest)


def _stem(video: str) -> str:
    return video.rpartition("/")[2].rpartition(".")[0]


def _folder(video: str, skipped: int) -> str | None:
    """The folder of a video, without the first `skipped` parts of its path."""
    return "/".join(video.split("/")[skipped:-1]) or None


def _found(pattern: str, names: Sequence[str]) -> list[str | None]:
    """What the parentheses of a pattern match in each name, in lower case, or None."""
    matches = [re.search(pattern, name, re.IGNORECASE | re.ASCII) for name in names]
    return [match[match.lastindex].lower() if match else None for match in matches]


def _without_classes(videos: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The names without those of their classes, which would divide a recording that has several.
    A class that is a number may be anything in a name, so it stays."""
    rest = []
    for video, label in zip(videos, labels, strict=True):
        words = [re.escape(word) for word in re.split(r"[\W_]+", label) if word]
        stem = nfc(_stem(video))
        if words and not label.isdigit():
            name = r"[\W_]*".join(words)
            stem = re.sub(rf"(?<![^\W_]){name}(?![^\W_])", "", stem, flags=re.IGNORECASE)
        rest.append(stem.strip("_-. "))
    return rest


def _cross_classes(names: Sequence[str], labels: Sequence[str]) -> bool:
    classes = pd.Series(labels).groupby(list(names)).nunique()
    return float((classes > 1).mean()) >= CROSSING


def _useful(names: Sequence[str], labels: Sequence[str]) -> bool:
    groups_of_class = pd.Series(names).groupby(list(labels)).nunique()
    return FEWEST <= len(set(names)) < len(names) and groups_of_class.min() >= 2
