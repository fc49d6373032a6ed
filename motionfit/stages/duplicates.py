"""Finds test videos of a target that are also in its training set or in a source.

The output is a CSV file with one row per pair (`COLUMNS`). Beside it, a JSON file of the same name
has the number of test videos, of `others` and of pairs that were compared.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from motionfit import options
from motionfit.datasets.index import part, read_index
from motionfit.duplicates import GreyFrames, hashes_of, near_duplicates
from motionfit.errors import MotionFitError
from motionfit.files import replacing, write_json
from motionfit.store.shards import Shards

log = logging.getLogger(__name__)

COLUMNS = ["video", "other", "splits", "similarity", "shift"]
"""A test video; the training or source video; the splits in which the first one is tested and the
other one may be learned from, separated by spaces; their similarity; the seconds from the start of
the test video to that of the other one."""


def duplicates(
    *,
    index: options.IndexFile,
    frames: options.FramesFolder,
    splits: list[int],
    source_index: Path | None = None,
    source_frames: Path | None = None,
    threads: options.Threads = options.CORES,
    output: options.Output,
) -> None:
    """Find test videos that are also in the training set or in a source.

    Copies that are encoded again, scaled, cropped or trimmed are found, too.

    Parameters
    ----------
    splits
        The splits whose test videos count.
    source_index
        Index of the source; without it, the target's training set is compared.
    source_frames
        Folder of the shards of the source's frames.
    """
    if (source_index is None) != (source_frames is None):
        raise MotionFitError("--source-index and --source-frames are needed together")
    table = read_index(index)
    videos = stored_videos(table, frames)
    tested = sides(table, videos, splits, "test")
    hashes = hashes_of(videos, threads)
    numbers = np.flatnonzero(tested.any(1))
    if source_index and source_frames:
        others = stored_videos(read_index(source_index), source_frames)
        learned = np.ones((len(others), len(splits)), bool)
        other_hashes = hashes_of(others, threads)
    else:
        others, other_hashes = videos, hashes
        learned = sides(table, videos, splits, "train")
    tests, test_hashes = [videos[i] for i in numbers], [hashes[i] for i in numbers]
    tested = tested[numbers]

    def chosen(number: int, of_others: np.ndarray) -> np.ndarray:
        return (tested[number] & learned[of_others]).any(1)

    pairs = near_duplicates(tests, test_hashes, others, other_hashes, chosen, threads)
    rows = [
        (
            tests[pair.video].video,
            others[pair.other].video,
            " ".join(
                str(splits[i]) for i in np.flatnonzero(tested[pair.video] & learned[pair.other])
            ),
            round(pair.similarity, 3),
            round(pair.shift, 2),
        )
        for pair in pairs
    ]
    compared = {
        "videos": len(tests),
        "others": int(learned.any(1).sum()),
        "pairs": sum(int((of_test & learned).any(1).sum()) for of_test in tested),
    }
    write_json(output.with_suffix(".json"), compared)
    with replacing(output) as temporary:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False)
    where = "a source" if source_index else "the training set"
    log.info("%d pairs compared", compared["pairs"])
    if copies := len({row[1] for row in rows}):
        log.warning(
            "%d videos of %s are near-duplicates of test videos; exclude_near_duplicates: true "
            "leaves them out",
            copies,
            where,
        )


def stored_videos(index: pd.DataFrame, folder: Path) -> list[GreyFrames]:
    """The videos of a data set that could be decoded, in the order of its index."""
    shards = Shards([folder / f"{name}.h5" for name in sorted(set(index["shard"]))], "frames")
    return [GreyFrames(shards, video) for video in index["video"] if video in shards]


def sides(
    index: pd.DataFrame, videos: list[GreyFrames], splits: list[int], side: str
) -> np.ndarray:
    """(V, S) bool: whether each video is in the part `side`, train or test, of each split."""
    of_splits = [set(part(index, split, side)["video"]) for split in splits]
    found = [[video.video in names for names in of_splits] for video in videos]
    return np.array(found, bool).reshape(len(videos), len(splits))
