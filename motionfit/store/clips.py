"""Clips: L adjacent frames of a video, from shards of frames or of flow."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from motionfit.files import damaged
from motionfit.store.images import decode_grey, decode_rgb
from motionfit.store.shards import Shards


class ClipStore:
    """Reads clips of one modality, 'frames' (3 channels, RGB) or 'flow' (2 channels, x and y), from
    the shards of that name in a folder."""

    def __init__(self, folder: Path, shards: Iterable[str], modality: str):
        self.modality = modality
        names = sorted(set(shards))
        self.shards = Shards([folder / f"{name}.h5" for name in names], modality)

    @property
    def recipe(self) -> dict[str, Any]:
        """How the frames or the flow were made; with `size` (height, width) and `fps`."""
        return self.shards.recipe

    def __contains__(self, video: str) -> bool:
        return video in self.shards

    def length(self, video: str) -> int:
        """Number of frames of a video."""
        return self.shards.length(video)

    def read(self, video: str, start: int, length: int) -> np.ndarray:
        """(L, H, W, C) uint8 from frame `start` on; where the video ends sooner, its last frame is
        repeated. Raises MotionFitError where the shard or a frame can't be read."""
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
        """The same clip as L encoded frames, (bytes,) uint8 each; raises as `Shards.read` does."""
        start = min(start, self.length(video) - 1)
        present = min(length, self.length(video) - start)
        images = self.shards.read(video, start, present)
        return images + images[-1:] * (length - present)

    def _decode(self, data: np.ndarray) -> np.ndarray:
        if self.modality == "frames":
            return decode_rgb(data)
        return np.stack(np.split(decode_grey(data), 2), axis=-1)
