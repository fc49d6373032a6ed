"""Dense inverse search (Kroeger et al. 2016) by OpenCV: faster and less exact than TV-L1."""

from collections.abc import Sequence

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.parallel import with_objects

SMALLEST = 16
"""Smallest height and width in pixels. With smaller frames, OpenCV fails or ends the process."""


def compute(pairs: Sequence[Pair], threads: int) -> list[np.ndarray]:
    """The flow of each pair, with OpenCV's medium preset. Raises ValueError if frames are too
    small."""
    for frame, _ in pairs:
        if min(frame.shape) < SMALLEST:
            raise ValueError(
                f"DIS needs frames of at least {SMALLEST} pixels per side, not {frame.shape}"
            )
    return with_objects(
        lambda: cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), pairs, threads
    )
