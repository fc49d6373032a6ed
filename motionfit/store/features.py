"""Features of clips in HDF5 files, each of several shards of clips (`motionfit.store.ranges`).

Layout of a file of features, of V videos with N clips in all::

    /         attributes: clip_length (L, in frames), checksum (of it and of all arrays)
    /videos   (V,) text     ids
    /lengths  (V,) int64    frames a video
    /clips    (V,) int64    clips a video
    /starts   (N,) int64    first frame of each clip, those of a video after those of the one before
    /features (N, D) float32
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionfit.files import damaged
from motionfit.store.hdf5 import new_hdf5
from motionfit.store.shards import (
    BROKEN,
    checksum,
    open_shard,
    own_array,
    text_array,
)


@dataclass(frozen=True)
class VideoFeatures:
    """The features of one video."""

    video: str
    starts: np.ndarray
    """(T,) first frame of each clip."""
    features: np.ndarray
    """(T, D) float32."""
    frames: int
    """Frames of the video."""
    clip_length: int
    """L, in frames."""


def write_features(path: Path, clip_length: int, videos: Sequence[VideoFeatures]) -> None:
    """A file of the features of these videos."""
    arrays = {
        "videos": text_array([v.video for v in videos]),
        "lengths": np.array([v.frames for v in videos], np.int64),
        "clips": np.array([len(v.starts) for v in videos], np.int64),
        "starts": np.concatenate([np.zeros(0, np.int64), *(v.starts for v in videos)]),
        "features": np.concatenate([v.features for v in videos]).astype(np.float32, copy=False)
        if videos
        else np.zeros((0, 0), np.float32),
    }
    with new_hdf5(path) as file:
        for name, values in arrays.items():
            file[name] = values
        file.attrs["clip_length"] = clip_length
        file.attrs["checksum"] = checksum(str(clip_length).encode(), *arrays.values())


def read_features(paths: list[Path]) -> Iterator[VideoFeatures]:
    """The features of all videos of several files, one video at a time.

    Raises MotionFitError where a file is not as it was written.
    """
    for path in paths:
        videos, lengths, clips, starts, features, clip_length = read_arrays(path)
        ends = np.cumsum(clips)
        for i, (video, end, count) in enumerate(zip(videos, ends, clips, strict=True)):
            own = slice(end - count, end)
            yield VideoFeatures(
                video.decode(), starts[own], features[own], int(lengths[i]), clip_length
            )


def read_arrays(path: Path) -> tuple[np.ndarray, ...]:
    """The arrays of a file of features, in the order of its layout, and the clip length."""
    with open_shard(path) as file:
        try:
            arrays = [
                own_array(file, name, 2 if name == "features" else 1)[:]
                for name in ("videos", "lengths", "clips", "starts", "features")
            ]
            clip_length, expected = (int(file.attrs[a]) for a in ("clip_length", "checksum"))
        except BROKEN as error:
            raise damaged(path, f"it is no whole file of features: {error}") from None
    if expected != checksum(str(clip_length).encode(), *arrays):
        raise damaged(path, "its features have another checksum")
    videos, lengths, clips, starts, features = arrays
    if not len(videos) == len(lengths) == len(clips) or not len(starts) == len(features) == sum(
        clips
    ):
        raise damaged(path, "its arrays do not fit together")
    return *arrays, clip_length
