"""Features of the densely sampled clips of a shard of flow, or of frames.

A shard of features holds, for each video, `starts` (T,) int64, the clips' first frames, and
`features` (T, D) float32, in groups of the videos' numbers; ids and frame counts as in a shard of
clips.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from motionfit.config import Features
from motionfit.models import load_model
from motionfit.models.device import inference_device
from motionfit.store.clips import ClipStore
from motionfit.store.hdf5 import new_hdf5
from motionfit.store.shards import open_shard
from motionfit.training.inference import clip_outputs

log = logging.getLogger(__name__)


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


def dense_starts(frames: int, clip_length: int, stride: int) -> np.ndarray:
    """First frames of the whole clips of a video, `stride` apart; 0 alone where it is shorter than
    a clip."""
    return np.arange(0, max(frames - clip_length, 0) + 1, stride)


def store_features(recipe: Features, model: Path, clips: Path, threads: int, output: Path) -> None:
    """Writes the average-pooled features of the dense clips of all videos of the shard `clips`, of
    flow or frames as the model wants."""
    device = inference_device(threads)
    network, about = load_model(model)
    network.to(device)
    store = ClipStore(clips.parent, [clips.stem], about.modality)
    if store.recipe["fps"] != about.fps:
        log.warning(
            "the motion model learned from frames at %s a second, and these are at %s (null: each "
            "video's own): motion looks faster or slower to it",
            json.dumps(about.fps), json.dumps(store.recipe["fps"]),
        )  # fmt: skip
    videos = list(store.shards)
    starts = {v: dense_starts(store.length(v), about.clip_length, recipe.stride) for v in videos}
    features = clip_outputs(network.features, about, store, starts, device, threads,
                            recipe.batch_size)  # fmt: skip
    with new_hdf5(output) as file:
        file.attrs["clip_length"] = about.clip_length
        file.create_dataset("videos", data=np.array(videos, object), dtype=h5py.string_dtype())
        for i, video in enumerate(videos):
            group = file.create_group(f"{i:06d}")
            group.attrs["frames"] = store.length(video)
            group["starts"] = starts[video]
            group["features"] = features[video]
    log.info("features of %d videos", len(videos))


def read_features(paths: list[Path]) -> Iterator[VideoFeatures]:
    """The features of all videos of several shards, one video at a time."""
    for path in paths:
        with open_shard(path) as file:
            for i, video in enumerate(file["videos"].asstr()[:]):
                group = file[f"{i:06d}"]
                yield VideoFeatures(
                    video,
                    group["starts"][:],
                    group["features"][:],
                    int(group.attrs["frames"]),
                    int(file.attrs["clip_length"]),
                )
