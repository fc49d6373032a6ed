"""UCF101: a folder a class, and `trainlist0N.txt` / `testlist0N.txt`."""

import re
from pathlib import Path

import pandas as pd

from motionfit.config import Ucf101
from motionfit.datasets.files import index_lists, read_text, split_lists
from motionfit.datasets.index import split_column
from motionfit.errors import MotionFitError


def index_ucf101(recipe: Ucf101) -> pd.DataFrame:
    """The videos of UCF101, with a column for each split whose two lists are found.

    The group is the recording: `Diving_g01` is another one than `BenchPress_g01`. Raises
    MotionFitError where one of a split's two lists is missing.
    """
    splits = []
    listed: dict[str, dict[str, str]] = {}
    for trainlist in split_lists(recipe.annotations, "trainlist[0-9][0-9].txt"):
        column = split_column(int(trainlist.stem.removeprefix("trainlist")))
        testlist = trainlist.with_name(trainlist.name.replace("train", "test"))
        splits.append(column)
        for part, path in (("train", trainlist), ("test", testlist)):
            for name in read_list(path):
                if listed.setdefault(name, {}).setdefault(column, part) != part:
                    raise MotionFitError(
                        f"annotations: {name} is both in {trainlist} and in {testlist}: "
                        "take it out of one"
                    )
    return index_lists(recipe.videos, recipe.annotations, listed, splits, recording)


def read_list(path: Path) -> list[str]:
    """The videos of a list; the class number that follows them in a training list is dropped."""
    lines = (line.strip() for line in read_text(path, "annotations").splitlines())
    return [re.sub(r"\s+\d+$", "", line) for line in lines if line]


def recording(label: str, stem: str) -> str:
    """`Diving_g01` for the video v_Diving_g01_c03."""
    found = re.search(r"_(g\d+)_c\d+$", stem)
    return f"{label}_{found[1]}" if found else f"{label}_{stem}"
