"""Computes flow with OpenCV's algorithm objects."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.parallel import each_pair


def with_objects(
    create: Callable[[], Any], pairs: Sequence[Pair], threads: int
) -> list[np.ndarray]:
    """The flow of each pair by an OpenCV algorithm. Each pair gets a new object, since for some
    algorithms, old content of the buffers changes the next result."""
    before = cv2.getNumThreads()
    # Pairs are computed in parallel, so OpenCV's own threads would only compete with them.
    cv2.setNumThreads(1)
    try:
        return each_pair(
            lambda frame, following: create().calc(frame, following, None), pairs, threads
        )
    finally:
        cv2.setNumThreads(before)
