"""Features of clips in HDF5 files, each of several shards of clips (`motionfit.store.ranges`).

Layout of a file of features, of V videos with N clips in all::

    /         attributes: clip_length (L, in frames), model_rate (frames a second of the videos that
              the model learned from), checksum (of both and of all arrays)
    /videos   (V,) text     ids
    /lengths  (V,) int64    frames a video
    /rates    (V,) float64  frames a second of each video
    /clips    (V,) int64    clips a video
    /starts   (N,) int64    first frame of each clip, those of a video after those of the one before
    /features (N, D) float32
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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


ARRAYS = ("videos", "lengths", "rates", "clips", "starts", "features")


def write_features(
    path: Path,
    clip_length: int,
    videos: Sequence[VideoFeatures],
    rates: Sequence[float],
    model_rate: float,
) -> None:
    """A file of the features of these videos. `rates`: frames a second of each; `model_rate`: of
    those that the model learned from."""
    arrays = {
        "videos": text_array([v.video for v in videos]),
        "lengths": np.array([v.frames for v in videos], np.int64),
        "rates": np.array(rates, np.float64),
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
        file.attrs["model_rate"] = float(model_rate)
        file.attrs["checksum"] = whole_checksum(clip_length, model_rate, arrays.values())


def whole_checksum(clip_length: int, model_rate: float, arrays: Iterable[np.ndarray]) -> int:
    return checksum(f"{clip_length} {float(model_rate)!r}".encode(), *arrays)


def read_features(paths: list[Path]) -> Iterator[VideoFeatures]:
    """The features of all videos of several files, one video at a time.

    Raises MotionFitError where a file is not as it was written.
    """
    for path in paths:
        content = read_file(path)
        arrays = content.arrays
        ends = np.cumsum(arrays["clips"])
        for i, (end, count) in enumerate(zip(ends, arrays["clips"], strict=True)):
            own = slice(end - count, end)
            yield VideoFeatures(
                arrays["videos"][i].decode(),
                arrays["starts"][own],
                arrays["features"][own],
                int(arrays["lengths"][i]),
                content.clip_length,
            )


def read_rates(paths: list[Path]) -> tuple[float, float]:
    """The usual frames a second of the videos of several files, their median, and of those that
    the model learned from. Raises MotionFitError where a file is not as it was written."""
    rates, learned = [], []
    for path in paths:
        with open_shard(path) as file:
            try:
                rates.append(own_array(file, "rates")[:])
                learned.append(float(file.attrs["model_rate"]))
            except BROKEN as error:
                raise damaged(path, f"it is no whole file of features: {error}") from None
    return float(np.median(np.concatenate(rates))), learned[0]


class Content(NamedTuple):
    """What a file of features holds."""

    arrays: dict[str, np.ndarray]
    clip_length: int


def read_file(path: Path) -> Content:
    """Raises MotionFitError where the file is not as it was written."""
    with open_shard(path) as file:
        try:
            arrays = {
                name: own_array(file, name, 2 if name == "features" else 1)[:] for name in ARRAYS
            }
            clip_length, expected = (int(file.attrs[a]) for a in ("clip_length", "checksum"))
            model_rate = float(file.attrs["model_rate"])
        except BROKEN as error:
            raise damaged(path, f"it is no whole file of features: {error}") from None
    if expected != whole_checksum(clip_length, model_rate, arrays.values()):
        raise damaged(path, "its features have another checksum")
    of_videos = {len(arrays[name]) for name in ("videos", "lengths", "rates", "clips")}
    of_clips = {len(arrays["starts"]), len(arrays["features"]), int(arrays["clips"].sum())}
    if len(of_videos) != 1 or len(of_clips) != 1:
        raise damaged(path, "its arrays do not fit together")
    return Content(arrays, clip_length)
