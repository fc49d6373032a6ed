"""Clips: L adjacent frames of a video, from shards of frames or of flow."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from motionfit.errors import MotionFitError
from motionfit.files import damaged
from motionfit.modality import Modality
from motionfit.store.images import decode_grey, decode_rgb
from motionfit.store.shards import Shards

log = logging.getLogger(__name__)


def clip_frames(start: int, length: int, frames: int) -> list[int]:
    """Indices of the L frames of a clip that starts at `start`, in a video with `frames` frames.

    A clip that is longer than the rest of the video continues with the first frame, for frames and
    flow alike, so that a network on RGB and its teacher on flow see the same moments. (Repeating
    the last frame would show no motion, while repeating the last flow shows constant motion.) At
    the seam, RGB jumps and flow shows the last motion.
    """
    return [(start + i) % frames for i in range(length)]


class ClipStore:
    """Reads the clips of one modality from the shards in a folder."""

    def __init__(self, folder: Path, shards: Iterable[str], modality: Modality):
        self.modality = Modality(modality)
        names = sorted(set(shards))
        self.shards = Shards([folder / f"{name}.h5" for name in names], modality)

    @property
    def recipe(self) -> dict[str, Any]:
        """How the frames or the flow were made, with `size` (height, width) and `fps`."""
        return self.shards.recipe

    def __contains__(self, video: str) -> bool:
        return video in self.shards

    def length(self, video: str) -> int:
        """Number of frames of a video."""
        return self.shards.length(video)

    @property
    def rate(self) -> float:
        """Median frame rate of the videos, in frames per second."""
        return float(np.median([self.shards.rate(video) for video in self.shards]))

    def read(self, video: str, start: int, length: int) -> np.ndarray:
        """The clip (L, H, W, C) uint8 that starts at frame `start` (see `clip_frames`). Raises
        MotionFitError if the shard or a frame can't be read."""
        frames = self.read_encoded(video, start, length)
        try:
            clip = np.stack([self._decode(data) for data in frames])
        except (cv2.error, ValueError):
            clip = np.zeros(0)
        if clip.shape[1:3] != tuple(self.recipe["size"]):
            raise damaged(
                self.shards.path(video),
                f"the stored {self.modality} {start} to {start + length - 1} of {video} can't be "
                "decoded",
            )
        return clip

    def read_encoded(self, video: str, start: int, length: int) -> list[np.ndarray]:
        """The same clip as L encoded frames, (bytes,) uint8 each. Raises like `Shards.read`."""
        frames = self.length(video)
        if start + length <= frames:
            return self.shards.read(video, start, length)
        whole = self.shards.read(video, 0, frames)
        return [whole[number] for number in clip_frames(start, length, frames)]

    def _decode(self, data: np.ndarray) -> np.ndarray:
        if self.modality == Modality.FRAMES:
            return decode_rgb(data)
        return np.stack(np.split(decode_grey(data), 2), axis=-1)


def rows_with_clips(rows: pd.DataFrame, store: ClipStore, clip_length: int) -> pd.DataFrame:
    """The rows of an index whose videos are in the store; the others could not be decoded.

    Raises MotionFitError if no video is in the store, or if all are shorter than a clip.
    """
    decoded = rows[[video in store for video in rows["video"]]]
    if len(decoded) < len(rows):
        log.warning("%d of %d videos could not be decoded", len(rows) - len(decoded), len(rows))
    if decoded.empty:
        raise MotionFitError(f"none of the {len(rows)} videos could be decoded: see the ledger")
    longest = max(store.length(video) for video in decoded["video"])
    if longest < clip_length:
        raise MotionFitError(
            f"clip_length is {clip_length}, but the longest of the {len(decoded)} videos has "
            f"{longest} frames: use a smaller clip_length"
        )
    return decoded
