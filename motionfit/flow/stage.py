"""The flow stage: the flow of every video of a shard of frames."""

import logging
from pathlib import Path

import cv2
import numpy as np

from motionfit.config import Flow
from motionfit.flow.encoding import quantise
from motionfit.flow.methods import compute_flow
from motionfit.store.images import decode_rgb, encode_jpeg
from motionfit.store.shards import Shards, write_shard

log = logging.getLogger(__name__)

BLOCK = 64
"""Pairs that are computed at a time, so that a long video does not fill the memory."""


def store_flow(frames: Path, recipe: Flow, threads: int, output: Path) -> None:
    """Writes the flow of all videos of the shard `frames` to the shard `output`.

    flow[t] is the motion from frame t to t+1; the last is repeated, so that frames and flow have
    the same length. x and y are stored above each other as one grey JPEG.
    """
    source = Shards([frames], "frames")
    videos = list(source)
    made = {**recipe.model_dump(mode="json"), "fps": source.recipe["fps"]}
    with write_shard(output, "flow", made) as shard:
        for video in videos:
            encoded: list[bytes] = []
            for start in range(0, source.length(video) - 1, BLOCK):
                grey = read_grey(source, video, start, BLOCK + 1)
                flow = quantise(compute_flow(grey, recipe.method, threads), recipe.bound)
                encoded += [encode_field(field, recipe.quality) for field in flow]
            shard.add(video, [*encoded, encoded[-1]], **source.attributes(video))
    log.info("flow of %d videos", len(videos))


def read_grey(source: Shards, video: str, start: int, length: int) -> np.ndarray:
    """(T, H, W) uint8: up to `length` frames of a video from `start` on."""
    length = min(length, source.length(video) - start)
    frames = source.read(video, start, length)
    return np.stack([cv2.cvtColor(decode_rgb(data), cv2.COLOR_RGB2GRAY) for data in frames])


def encode_field(field: np.ndarray, quality: int) -> bytes:
    """(H, W, 2) uint8 to a JPEG of x above y."""
    return encode_jpeg(np.concatenate([field[..., 0], field[..., 1]]), quality)
