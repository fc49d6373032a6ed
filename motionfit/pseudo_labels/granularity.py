"""What is given one pseudo-label: a clip, a segment or a video."""

import numpy as np

from motionfit.config import PseudoLabels
from motionfit.store.features import VideoFeatures


def percentile_bounds(features: np.ndarray, percentile: float) -> np.ndarray:
    """Eq. 4: clips (T, D) at which a new segment starts, the first being 0.

    A segment starts at clip t where the change of motion, the L1 norm of f_t - f_{t-1}, exceeds
    the `percentile`-th percentile (in percent) of the video's changes.
    """
    if len(features) < 2:
        return np.array([0])
    changes = np.abs(np.diff(features, axis=0)).sum(axis=1)
    return np.concatenate([[0], 1 + np.flatnonzero(changes > np.percentile(changes, percentile))])


def equal_bounds(clips: int, segments: int) -> np.ndarray:
    """Clips at which the parts of a video start, when its clips are cut into `segments` parts of
    the same length, give or take one; fewer parts where there are fewer clips."""
    return np.unique(np.arange(segments) * clips // segments)


def aggregate(video: VideoFeatures, recipe: PseudoLabels) -> VideoFeatures:
    """A feature a clip to a feature a unit of the recipe's granularity: the mean of its clips.

    In the result `starts` are the units' first frames, each of which ends where the next starts;
    see `unit_lengths`.
    """
    if recipe.granularity == "clip":
        return video
    if recipe.granularity == "video":
        bounds = np.array([0])
    elif recipe.granularity == "segment_equal":
        bounds = equal_bounds(len(video.features), recipe.segments)
    else:
        bounds = percentile_bounds(video.features, recipe.percentile)
    counts = np.diff(np.append(bounds, len(video.features)))
    means = np.add.reduceat(video.features, bounds, axis=0) / counts[:, None]
    return VideoFeatures(
        video.video, video.starts[bounds], means.astype(np.float32), video.frames, video.clip_length
    )


def unit_lengths(video: VideoFeatures, granularity: str) -> np.ndarray:
    """(U,) frames of each unit: a clip's length, or from a unit's start to the next one's."""
    if granularity == "clip":
        return np.full(len(video.starts), min(video.clip_length, video.frames))
    return np.diff(np.append(video.starts, video.frames))
