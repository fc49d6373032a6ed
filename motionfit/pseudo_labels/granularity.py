"""The units of a video that get one pseudo-label each: clips, segments or the whole video."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from motionfit.config import PseudoLabels
from motionfit.store.features import VideoFeatures


class Units(NamedTuple):
    """The units of one video, in order."""

    starts: np.ndarray
    """(U,) first frame of each unit."""
    lengths: np.ndarray
    """(U,) number of frames of each unit."""
    features: np.ndarray
    """(U, D) float32: the mean feature of the clips of each unit."""


def aggregate(video: VideoFeatures, recipe: PseudoLabels) -> Units:
    """From one feature per clip to one feature per unit of the recipe's granularity."""
    if recipe.granularity == "clip":
        length = min(video.clip_length, video.frames)
        return Units(video.starts, np.full(len(video.starts), length), video.features)
    if recipe.granularity == "video":
        bounds = np.array([0])
    elif recipe.granularity == "segment_equal":
        bounds = equal_bounds(len(video.features), recipe.segments)
    else:
        bounds = percentile_bounds(video.features, recipe.percentile)
    clip_counts = np.diff(np.append(bounds, len(video.features)))
    means = np.add.reduceat(video.features, bounds, axis=0) / clip_counts[:, None]
    starts = video.starts[bounds]
    # A unit ends where the next one starts; the last one ends with the video.
    lengths = np.diff(np.append(starts, video.frames))
    return Units(starts, lengths, means.astype(np.float32))


def percentile_bounds(features: np.ndarray, percentile: float) -> np.ndarray:
    """Eq. 4: the clips (of T) at which a new segment starts; the first one is 0.

    features: (T, D). A segment starts at clip t if the change of motion, the L1 norm of
    f_t - f_{t-1}, exceeds the `percentile`-th percentile (in percent) of all changes in the video.
    """
    if len(features) < 2:
        return np.array([0])
    changes = np.abs(np.diff(features, axis=0)).sum(axis=1)
    return np.concatenate([[0], 1 + np.flatnonzero(changes > np.percentile(changes, percentile))])


def equal_bounds(clips: int, segments: int) -> np.ndarray:
    """The clips at which a new segment starts, if the clips of a video are cut into `segments`
    parts whose lengths differ by at most one; fewer parts if there are fewer clips."""
    return np.unique(np.arange(segments) * clips // segments)


def commonest_share(units: pd.DataFrame) -> float:
    """The share of training clips that have the commonest pseudo-label, if each video is drawn
    equally often, and its windows by their lengths. `units`: video, start, length, label."""
    weights = units["length"] / units.groupby("video")["length"].transform("sum")
    return float(weights.groupby(units["label"]).sum().max() / units["video"].nunique())
