"""HMDB51: one folder per class, and lists `CLASS_test_splitN.txt`."""

import re

import pandas as pd

from motionfit.config import Hmdb51
from motionfit.datasets.files import read_text
from motionfit.datasets.index import split_column
from motionfit.datasets.lists import index_lists, split_lists
from motionfit.errors import MotionFitError

PARTS = {"0": "", "1": "train", "2": "test"}


def index_hmdb51(recipe: Hmdb51) -> pd.DataFrame:
    """The videos of HMDB51, with a column for each split that has lists.

    The group is the film that a clip was cut from. A film may have clips in several classes.

    Raises MotionFitError if a line of a list does not consist of a video and 0, 1 or 2, or
    contradicts another line.
    """
    splits = set()
    listed: dict[str, dict[str, str]] = {}
    for path in split_lists(recipe.annotations, "*_test_split[0-9].txt"):
        label, _, number = path.stem.rpartition("_test_split")
        column = split_column(int(number))
        splits.add(column)
        for i, line in enumerate(read_text(path, "annotations").splitlines(), start=1):
            if not line.strip():
                continue
            *name, use = line.rsplit(maxsplit=1)
            if not name or use not in PARTS:
                raise MotionFitError(
                    f"annotations: {path}, line {i}: expected a video and 0, 1 (train) or 2 "
                    f"(test), not {line.strip()!r}"
                )
            video = f"{label}/{name[0].strip()}"
            if listed.setdefault(video, {}).setdefault(column, PARTS[use]) != PARTS[use]:
                raise MotionFitError(
                    f"annotations: {path}, line {i}: {video} is listed twice, in different parts: "
                    "remove one of them"
                )
    return index_lists(recipe.videos, recipe.annotations, listed, sorted(splits), film)


def film(label: str, stem: str) -> str:
    """The film of a video: `TrumanShow` for TrumanShow_wave_f_nm_np1_fr_med_26. The class and the
    tags (visible body, camera motion, people, viewpoint, quality, number) follow the film."""
    tags = rf"_{re.escape(label)}_[a-z]_[a-z]{{2}}_np\d+_[a-z]{{2}}_[a-z]+_\d+"
    return re.sub(f"{tags}$", "", stem, flags=re.IGNORECASE)
