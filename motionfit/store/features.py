"""Features of clips in HDF5 files. A file may contain several shards (`motionfit.store.ranges`).

Layout of a file with V videos and N clips in total::

    /         attributes: clip_length (L, in frames), model_rate (frame rate of the videos that the
              model was trained on), checksum (of both attributes and all arrays)
    /videos   (V,) text     id of each video
    /lengths  (V,) int64    frames of each video
    /rates    (V,) float64  frame rate of each video
    /clips    (V,) int64    clips of each video
    /starts   (N,) int64    first frame of each clip, video by video
    /features (N, D) float32
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionfit.files import damaged
from motionfit.store.hdf5 import new_hdf5
from motionfit.store.shards import BROKEN, checksum, open_shard, own_array, text_array


@dataclass(frozen=True)
class VideoFeatures:
    """The features of one video."""

    video: str
    starts: np.ndarray
    """(T,) first frame of each clip."""
    features: np.ndarray
    """(T, D) float32."""
    frames: int
    """Number of frames of the video."""
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
    """Writes a file with the features of videos.

    `rates`: frame rate of each video. `model_rate`: frame rate of the videos that the model was
    trained on.
    """
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

    Raises MotionFitError if a file is damaged.
    """
    for path in paths:
        arrays, clip_length = read_file(path)
        ends = np.cumsum(arrays["clips"])
        for i, (end, count) in enumerate(zip(ends, arrays["clips"], strict=True)):
            clips = slice(end - count, end)
            yield VideoFeatures(
                arrays["videos"][i].decode(),
                arrays["starts"][clips],
                arrays["features"][clips],
                int(arrays["lengths"][i]),
                clip_length,
            )


def read_rates(paths: list[Path]) -> tuple[float, float]:
    """The median frame rate of the videos of several files, and that of the videos that the model
    was trained on. Raises MotionFitError if a file is damaged."""
    rates, model_rates = [], []
    for path in paths:
        with open_shard(path) as file:
            try:
                rates.append(own_array(file, "rates")[:])
                model_rates.append(float(file.attrs["model_rate"]))
            except BROKEN as error:
                raise damaged(path, f"it is no whole file of features: {error}") from None
    return float(np.median(np.concatenate(rates))), model_rates[0]


def read_file(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """Reads and checks the arrays and the clip length of a file of features. Raises MotionFitError
    if it is damaged."""
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
    video_counts = {len(arrays[name]) for name in ("videos", "lengths", "rates", "clips")}
    clip_counts = {len(arrays["starts"]), len(arrays["features"]), int(arrays["clips"].sum())}
    if len(video_counts) != 1 or len(clip_counts) != 1:
        raise damaged(path, "its arrays do not fit together")
    return arrays, clip_length
