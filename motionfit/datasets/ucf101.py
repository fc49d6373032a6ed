"""UCF101: one folder per class, and lists `trainlist0N.txt` and `testlist0N.txt`."""

import re
from pathlib import Path

import pandas as pd

from motionfit.config import Ucf101
from motionfit.datasets.files import read_text
from motionfit.datasets.index import split_column
from motionfit.datasets.lists import index_lists, split_lists
from motionfit.errors import MotionFitError


def index_ucf101(recipe: Ucf101) -> pd.DataFrame:
    """The videos of UCF101, with a column for each split that has a training list.

    The group is the recording. `Diving_g01` and `BenchPress_g01` are different groups.

    Raises MotionFitError if the test list of a split is missing, or if a video is in both lists.
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
                        "remove it from one of them"
                    )
    return index_lists(recipe.videos, recipe.annotations, listed, splits, recording)


def read_list(path: Path) -> list[str]:
    """The videos of a list, without the class number that follows each in a training list."""
    lines = (line.strip() for line in read_text(path, "annotations").splitlines())
    return [re.sub(r"\s+\d+$", "", line) for line in lines if line]


def recording(label: str, stem: str) -> str:
    """The recording of a video: `Diving_g01` for v_Diving_g01_c03."""
    match = re.search(r"_(g\d+)_c\d+$", stem)
    return f"{label}_{match[1]}" if match else f"{label}_{stem}"
