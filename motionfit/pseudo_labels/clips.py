"""The dense clips of a video, whose features are clustered."""

import numpy as np


def dense_starts(frames: int, clip_length: int, stride: int) -> np.ndarray:
    """First frames of the whole clips of a video, `stride` apart; 0 alone where it is shorter than
    a clip."""
    return np.arange(0, max(frames - clip_length, 0) + 1, stride)
