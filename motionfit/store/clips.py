"""Clips: L adjacent frames of a video, from shards of frames or of flow."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from motionfit.files import damaged
from motionfit.store.images import decode_grey, decode_rgb
from motionfit.store.shards import Shards


def clip_frames(start: int, length: int, frames: int) -> list[int]:
    """Numbers of the L frames of a clip that begins at `start`, of a video of `frames` frames.

    Past its end a video begins again, in frames and in flow alike, so that a network on RGB and its
    teacher on flow see the same moments. (A last frame that stays shows no motion, while flow that
    stays shows the same one for ever.) At the seam RGB jumps, and flow shows the last motion.
    """
    return [(start + i) % frames for i in range(length)]


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

    @property
    def rate(self) -> float:
        """The usual number of frames a second: the median of the videos'."""
        return float(np.median([self.shards.rate(video) for video in self.shards]))

    def read(self, video: str, start: int, length: int) -> np.ndarray:
        """(L, H, W, C) uint8 from frame `start` on; where the video ends sooner, it begins again
        (`clip_frames`). Raises MotionFitError where the shard or a frame can't be read."""
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
        frames = self.length(video)
        if start + length <= frames:
            return self.shards.read(video, start, length)
        whole = self.shards.read(video, 0, frames)
        return [whole[number] for number in clip_frames(start, length, frames)]

    def _decode(self, data: np.ndarray) -> np.ndarray:
        if self.modality == "frames":
            return decode_rgb(data)
        return np.stack(np.split(decode_grey(data), 2), axis=-1)
