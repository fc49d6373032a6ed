"""From a folder of videos and split files to an index: one module a format."""

import logging
from collections import defaultdict
from pathlib import Path

import pandas as pd

from motionfit.config import Dataset, Demo, Folders, Hmdb51, Kinetics, Ucf101
from motionfit.datasets.files import few, nfc
from motionfit.datasets.folders import index_folders
from motionfit.datasets.hmdb51 import index_hmdb51
from motionfit.datasets.index import COLUMNS, shard_of
from motionfit.datasets.kinetics import index_kinetics
from motionfit.datasets.ucf101 import index_ucf101

log = logging.getLogger(__name__)

ADAPTERS = {
    Ucf101: index_ucf101,
    Hmdb51: index_hmdb51,
    Kinetics: index_kinetics,
    Folders: index_folders,
}


def build_index(recipe: Dataset, videos: Path | None = None) -> pd.DataFrame:
    """The index of a data set: one row a video (see `motionfit.datasets.index`).

    `videos` is the folder that the demo is rendered into; the other data sets name their own.
    Raises MotionFitError where videos or annotations are missing or do not fit together.
    """
    if isinstance(recipe, Demo):
        # The only data set that is made here, so the only one that needs to draw and encode.
        from motionfit.datasets.demo import index_demo

        index = index_demo(recipe, videos)
    else:
        index = ADAPTERS[type(recipe)](recipe)
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
