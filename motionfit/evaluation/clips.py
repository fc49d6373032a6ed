"""The clips of a test video."""

import numpy as np

from motionfit.models import SavedModel
from motionfit.store.clips import ClipStore
from motionfit.training.data import uniform_starts


def read_uniform(store: ClipStore, video: str, about: SavedModel, count: int) -> np.ndarray:
    """(N, L, H, W, C): `count` evenly spread clips of a video, fewer where they would repeat."""
    starts = dict.fromkeys(uniform_starts(store.length(video), about.clip_length, count))
    return np.stack([store.read(video, start, about.clip_length) for start in starts])
