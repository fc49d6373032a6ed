"""From a folder of videos and annotations to an index. Each format has a module of its own."""

import logging
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pandas as pd

from motionfit.config import Dataset, Demo, Folders
from motionfit.datasets.files import few, nfc
from motionfit.datasets.index import COLUMNS, shard_of

log = logging.getLogger(__name__)


def format_module(name: str) -> str:
    """The module of a format, whose function `index_NAME` makes an index without shards. It is
    imported when it is used, so that only the demo needs what draws and encodes videos."""
    return f"motionfit.datasets.{name}"


def build_index(recipe: Dataset, videos: Path | None = None) -> pd.DataFrame:
    """The index of a data set: one row per video (see `motionfit.datasets.index`).

    `videos` is the folder that a demo is rendered into; the other data sets name their own. Raises
    MotionFitError if videos or annotations are missing or do not fit together.
    """
    index_videos = getattr(import_module(format_module(recipe.format)), f"index_{recipe.format}")
    index = index_videos(recipe, videos) if isinstance(recipe, Demo) else index_videos(recipe)
    index["shard"] = [shard_of(video, recipe.shards) for video in index["video"]]
    splits = [column for column in index.columns if column not in COLUMNS]
    index = index[COLUMNS + splits]
    warn_of_like_classes(
        {*index["label"], *(recipe.unlabelled if isinstance(recipe, Folders) else ())}
    )
    return index


def warn_of_like_classes(labels: set[str]) -> None:
    """Warns of classes whose names differ in nothing but case and spaces."""
    like: dict[str, list[str]] = defaultdict(list)
    for label in sorted(set(map(nfc, labels))):
        like["".join(label.casefold().split())].append(label)
    if several := [" and ".join(map(repr, names)) for names in like.values() if len(names) > 1]:
        log.warning(
            "classes differ in nothing but case or spaces, and count as different ones: %s",
            few(several, 10),
        )
