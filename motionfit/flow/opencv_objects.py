"""OpenCV's algorithm objects for optical flow."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.parallel import each_pair


def with_objects(
    create: Callable[[], Any], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """The flow of each pair by an OpenCV algorithm, made anew for each: what is left in its buffers
    changes the next result of some."""
    before = cv2.getNumThreads()
    # The parallel unit is the pair, so OpenCV's own threads would only get in the way.
    cv2.setNumThreads(1)
    try:
        return each_pair(
            lambda frame, following: create().calc(frame, following, None), pairs, threads
        )
    finally:
        cv2.setNumThreads(before)
