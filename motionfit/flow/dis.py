"""Dense inverse search (Kroeger et al. 2016), OpenCV's: fast, less exact than TV-L1."""

from collections.abc import Sequence

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.opencv import with_objects


def compute(pairs: Sequence[Pair], threads: int) -> list[np.ndarray]:
    """With OpenCV's medium preset."""
    return with_objects(
        lambda: cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), pairs, threads
    )
