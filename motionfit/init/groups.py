"""Guesses from their names which videos are of one recording or person."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from motionfit.datasets.files import nfc

FEWEST = 6
"""Smallest number of groups that names may suggest. A confidence interval needs as many."""
CROSSING = 0.5
"""Share of the numbers at the end of names that have to occur in several classes. Otherwise the
numbers only count the videos."""

_PEOPLE = "person|people|subject|subj|sub|actor|user|participant|player|speaker|driver|patient|p|s"
_BREAK = r"[_\-. ]"


class Groups(NamedTuple):
    """Groups that names suggest."""

    names: list[str]
    """The group of each video."""
    what: str
    """What the videos of a group have in common, in words."""


def suggested(videos: Sequence[str], labels: Sequence[str]) -> Groups | None:
    """The groups that the names of labelled videos suggest, or None.

    `videos` are ids: paths below the folder of the data set, whose first part is the class if there
    are class folders. Groups are only suggested if all videos have one, some share one, there are
    `FEWEST` or more, and each class is in two or more of them, so that it can be learned and
    tested.
    """
    for what, names in _candidates(videos, labels):
        if None not in names and _useful(names, labels):
            return Groups(names, what)
    return None


def _candidates(
    videos: Sequence[str], labels: Sequence[str]
) -> Iterator[tuple[str, list[str | None]]]:
    """Ways to group the videos, the surest first: what a group has in common, and the group of each
    video, or None."""
    yield "the folder inside the class's folder", [_inner_folder(video) for video in videos]
    stems = [video.rpartition("/")[2].rpartition(".")[0] for video in videos]
    yield "the part g01, g02, ... of each name", _found(rf"{_BREAK}(g\d+)(?={_BREAK}|$)", stems)
    person = rf"(?:^|{_BREAK})((?:{_PEOPLE})[_-]?\d+)(?={_BREAK}|$)"
    yield "the person in each name", _found(person, stems)
    rest = [_without_class(stem, label) for stem, label in zip(stems, labels, strict=True)]
    prefix = rf"^(.*?\w){_BREAK}+(?:clip|part|seg|segment|shot|scene|c)?[_-]?\d+$"
    yield "all of each name but the number at its end", _found(prefix, rest)
    numbers = _found(r"(\d+)$", rest)
    if None not in numbers and _cross_classes(numbers, labels):
        yield "the number at the end of each name", numbers


def _inner_folder(video: str) -> str | None:
    return "/".join(video.split("/")[1:-1]) or None


def _found(pattern: str, names: Sequence[str]) -> list[str | None]:
    """The first group of a pattern in each name, in lower case, or None."""
    matches = [re.search(pattern, name, re.IGNORECASE | re.ASCII) for name in names]
    return [match[1].lower() if match else None for match in matches]


def _without_class(stem: str, label: str) -> str:
    """A name without that of the class, which would split a recording of several classes."""
    words = [re.escape(word) for word in re.split(r"[\W_]+", label) if word]
    if not words:
        return stem
    return re.sub(r"[\W_]*".join(words), "", nfc(stem), flags=re.IGNORECASE).strip("_-. ")


def _cross_classes(names: Sequence[str], labels: Sequence[str]) -> bool:
    classes = pd.Series(labels).groupby(list(names)).nunique()
    return float((classes > 1).mean()) >= CROSSING


def _useful(names: Sequence[str], labels: Sequence[str]) -> bool:
    groups_of_class = pd.Series(names).groupby(list(labels)).nunique()
    return FEWEST <= len(set(names)) < len(names) and groups_of_class.min() >= 2
