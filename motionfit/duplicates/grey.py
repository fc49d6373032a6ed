"""Reads stored frames as grey images."""

from dataclasses import dataclass

import cv2
import numpy as np

from motionfit.errors import MotionFitError
from motionfit.files import damaged
from motionfit.store.images import decode_grey
from motionfit.store.shards import Shards


@dataclass(frozen=True)
class GreyFrames:
    """The frames of a stored video."""

    shards: Shards
    video: str

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.shards.length(self.video)

    @property
    def seconds(self) -> float:
        return self.length / self.shards.rate(self.video)

    def read(self, number: int) -> np.ndarray:
        """A frame (H, W) uint8. Raises MotionFitError if it can't be read."""
        [data] = self.shards.read(self.video, int(number), 1)
        try:
            return decode_grey(data)
        except (cv2.error, ValueError):
            raise self._damaged(number) from None

    def spread(self, count: int) -> np.ndarray:
        """Numbers of at most `count` frames that are spread evenly over the video."""
        return np.unique(np.linspace(0, self.length - 1, count).round().astype(int))

    def at_rate(self, per_second: float) -> list[np.ndarray]:
        """The frames that are shown at each 1 / `per_second` seconds."""
        count = max(int(self.seconds * per_second), 1)
        times = np.arange(count) / per_second
        numbers = np.minimum(times * self.shards.rate(self.video) + 0.5, self.length - 1)
        return [self.read(number) for number in numbers.astype(int)]

    def _damaged(self, number: int) -> MotionFitError:
        path = self.shards.path(self.video)
        return damaged(path, f"the stored frame {number} of {self.video} can't be decoded")
