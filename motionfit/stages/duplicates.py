"""Finds test videos of a target that are also in its training set or in a source.

The output is `DATASET.csv` with one row per pair (`COLUMNS`). Beside it, `DATASET.compared.csv`
says how many pairs were compared (`COMPARED`).
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from motionfit import options
from motionfit.datasets.index import part, read_index
from motionfit.duplicates import GreyFrames, hashes_of, near_duplicates
from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.store.shards import Shards

log = logging.getLogger(__name__)

COLUMNS = ["video", "other_dataset", "other", "splits", "similarity", "shift"]
"""A test video; the data set of the other video; that video; the splits in which the first one is
tested and the other one may be learned from, separated by spaces; their similarity; the seconds
from the start of the test video to that of the other one."""
COMPARED = ["other_dataset", "videos", "others", "pairs"]
"""The data set of the other videos; the numbers of test videos, of other videos, and of pairs."""


def duplicates(
    *,
    dataset: str,
    index: options.IndexFile,
    frames: options.FramesFolder,
    splits: list[int],
    sources: list[str] | None = None,
    source_indexes: list[Path] | None = None,
    source_frames: list[Path] | None = None,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Find test videos that are also in the training set or in a source.

    Copies that are encoded again, scaled, cropped or trimmed are found, too.

    Parameters
    ----------
    dataset
        Name of the target.
    splits
        The splits whose test videos count.
    sources
        Names of the data sets that models learn from without labels.
    source_indexes
        Index of each source.
    source_frames
        Folder of the shards of frames of each source.
    """
    of_sources = [sources or [], source_indexes or [], source_frames or []]
    if len({len(values) for values in of_sources}) != 1:
        raise MotionFitError("--sources, --source-indexes and --source-frames differ in number")
    table, videos = read_index(index), stored_videos(index, frames)
    tested, trained = (sides(table, videos, splits, side) for side in ("test", "train"))
    hashes = hashes_of(videos, threads)
    numbers = np.flatnonzero(tested.any(1))
    tests, test_hashes = [videos[i] for i in numbers], [hashes[i] for i in numbers]
    found, compared = [], []

    def search(name: str, others: list[GreyFrames], learned: np.ndarray) -> None:
        """`learned`: (V, S) bool, whether each of the others may be learned from in each split."""

        def chosen(number: int, of_others: np.ndarray) -> np.ndarray:
            return (tested[numbers[number]] & learned[of_others]).any(1)

        other_hashes = hashes if others is videos else hashes_of(others, threads)
        pairs = near_duplicates(tests, test_hashes, others, other_hashes, chosen, threads)
        for pair in pairs:
            shared = tested[numbers[pair.video]] & learned[pair.other]
            shared_splits = " ".join(str(splits[i]) for i in np.flatnonzero(shared))
            names = (tests[pair.video].video, name, others[pair.other].video)
            measures = (round(pair.similarity, 3), round(pair.shift, 2))
            found.append((*names, shared_splits, *measures))
        count = sum(int((tested[number] & learned).any(1).sum()) for number in numbers)
        compared.append((name, len(tests), int(learned.any(1).sum()), count))
        log.info("%d near-duplicates in %d pairs with videos of %s", len(pairs), count, name)

    search(dataset, videos, trained)
    for source, source_index, folder in zip(*of_sources, strict=True):
        others = stored_videos(source_index, folder)
        search(source, others, np.ones((len(others), len(splits)), bool))
    with replacing(compared_of(output)) as temporary:
        pd.DataFrame(compared, columns=COMPARED).to_csv(temporary, index=False)
    with replacing(output) as temporary:
        pd.DataFrame(found, columns=COLUMNS).to_csv(temporary, index=False)


def stored_videos(index: Path, folder: Path) -> list[GreyFrames]:
    """The videos of a data set that could be decoded, in the order of its index."""
    table = read_index(index)
    shards = Shards([folder / f"{name}.h5" for name in sorted(set(table["shard"]))], "frames")
    return [GreyFrames(shards, video) for video in table["video"] if video in shards]


def sides(
    index: pd.DataFrame, videos: list[GreyFrames], splits: list[int], side: str
) -> np.ndarray:
    """(V, S) bool: whether each video is in the part `side`, train or test, of each split."""
    of_splits = [set(part(index, split, side)["video"]) for split in splits]
    return np.array([[video.video in names for names in of_splits] for video in videos])


def compared_of(output: Path) -> Path:
    """The file beside `output` that says how many pairs were compared."""
    return output.with_name(f"{output.stem}.compared.csv")
