"""Polynomial expansion (Farnebäck 2003) by OpenCV: faster and less exact than TV-L1."""

from collections.abc import Sequence

import cv2
import numpy as np

from motionfit.flow.methods import Pair
from motionfit.flow.parallel import with_objects


def compute(pairs: Sequence[Pair], threads: int) -> list[np.ndarray]:
    """The flow of each pair, with OpenCV's default parameters."""
    return with_objects(cv2.FarnebackOpticalFlow_create, pairs, threads)
