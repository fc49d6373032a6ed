"""Dense inverse search (Kroeger et al. 2016), OpenCV's: fast, less exact than TV-L1."""

from collections.abc import Sequence

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.opencv_objects import with_objects

SMALLEST = 16
"""Pixels that a side needs: with fewer OpenCV fails, or ends the process."""


def compute(pairs: Sequence[Pair], threads: int) -> list[np.ndarray]:
    """With OpenCV's medium preset. Raises ValueError for frames that are too small for it."""
    for frame, _ in pairs:
        if min(frame.shape) < SMALLEST:
            raise ValueError(
                f"DIS needs frames of {SMALLEST} pixels and more a side, not {frame.shape}"
            )
    return with_objects(
        lambda: cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), pairs, threads
    )
