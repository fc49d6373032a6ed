"""Dual TV-L1 as OpenCV computes it (Zach et al. 2007; Sanchez et al. 2013)."""

import threading

import cv2
import numpy as np

_local = threading.local()


def tvl1(frame: np.ndarray, following: np.ndarray) -> np.ndarray:
    """(H, W) uint8 grey and the frame after it, to (H, W, 2) float32 pixels; default parameters."""
    if not hasattr(_local, "tvl1"):
        # The parallel unit is the pair, so OpenCV's own threads would only get in the way. An
        # algorithm object holds buffers, so each thread has its own.
        cv2.setNumThreads(1)
        _local.tvl1 = cv2.optflow.DualTVL1OpticalFlow_create()
    return _local.tvl1.calc(frame, following, None)
