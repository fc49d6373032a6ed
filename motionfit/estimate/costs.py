"""Computes the costs of the stages from amounts of work and rates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionfit.clips.sampling import dense_starts, uniform_starts
from motionfit.config import PseudoLabels, Training
from motionfit.pseudo_labels.kmeans import FEW_POINTS, SAMPLE


@dataclass(frozen=True)
class Job:
    """Similar jobs of one stage."""

    count: int
    seconds: float
    """Total time of all jobs, run one after the other, without the start of the program."""
    bytes: float
    """Bytes that the jobs leave on disk."""
    error: float = 0.0
    """Sampling error of the seconds and bytes, as a fraction."""
    longest: float | None = None
    """Seconds of the longest job; None if all take the same time."""


@dataclass(frozen=True)
class Cost:
    """What a stage costs."""

    stage: str
    jobs: int
    core_hours: float
    gpu_hours: float
    bytes: float
    error: float
    """Sampling error of the hours and bytes, as a fraction."""
    longest: float
    """Hours that its longest job takes."""


def cost(stage: str, jobs: Sequence[Job], start: float, threads: int, gpus: int) -> Cost:
    """Adds up the jobs of a stage. Each job takes `start` seconds to start, and holds `threads`
    cores and `gpus` GPUs while it runs."""
    seconds = [job.seconds + job.count * start for job in jobs]
    written = [job.bytes for job in jobs]
    hours = sum(seconds) / 3600
    longest = [start + (job.longest or job.seconds / job.count) for job in jobs]
    return Cost(
        stage,
        sum(job.count for job in jobs),
        hours * threads,
        hours * gpus,
        sum(written),
        # The larger of both errors counts. The errors of jobs of one data set have the same sign.
        max(weighted_error(jobs, seconds), weighted_error(jobs, written)),
        max(longest, default=0.0) / 3600,
    )


def together(stage: str, parts: Sequence[Cost]) -> Cost:
    """Combines several kinds of jobs, or several stages, into one cost."""
    hours = [part.core_hours for part in parts]
    return Cost(
        stage,
        sum(part.jobs for part in parts),
        sum(hours),
        sum(part.gpu_hours for part in parts),
        sum(part.bytes for part in parts),
        weighted_error(parts, hours),
        max((part.longest for part in parts), default=0.0),
    )


def weighted_error(items: Sequence[Job | Cost], weights: Sequence[float]) -> float:
    """Mean of the errors of some items with these weights."""
    errors = [item.error * weight for item, weight in zip(items, weights, strict=True)]
    return sum(errors) / max(sum(weights), 1e-9)


def training_seconds(
    recipe: Training,
    training_videos: int,
    validation_videos: int,
    training_pace: float,
    validation_pace: float,
    devices: int,
) -> float:
    """Seconds of a training with validation on `devices` devices. The paces are seconds per clip on
    one device."""
    epoch = recipe.clips_per_video * (
        training_videos * training_pace + validation_videos * validation_pace
    )
    epochs, _ = recipe.schedule(training_videos)
    return epochs * epoch / devices


def dense_clips(frames: np.ndarray, clip_length: int, stride: int) -> np.ndarray:
    """(n,) number of dense clips of each video, from its number of frames."""
    return np.array([len(dense_starts(int(f), clip_length, stride)) for f in frames])


def evaluated_clips(frames: np.ndarray, clip_length: int, count: int) -> float:
    """Mean number of clips that an evaluation of `count` clips per video computes. Clips of a
    short video that start at the same frame are computed once."""
    return float(np.mean([len(set(uniform_starts(int(f), clip_length, count))) for f in frames]))


def units(recipe: PseudoLabels, clips: np.ndarray) -> np.ndarray:
    """(n,) number of clips, segments or videos to cluster that each video gives, from its number of
    dense clips."""
    if recipe.granularity == "clip":
        return clips
    if recipe.granularity == "video":
        return np.ones_like(clips)
    if recipe.granularity == "segment_equal":
        return np.minimum(clips, recipe.segments)
    # A segment starts where a change exceeds the percentile of the video's clips - 1 changes, which
    # lies this many changes from the smallest.
    below = np.floor(recipe.percentile * np.maximum(clips - 2, 0) / 100).astype(int)
    return 1 + np.maximum(clips - 2 - below, 0)


def kmeans_seconds(recipe: PseudoLabels, points: float, point_seconds: float) -> float:
    """Seconds of K-means with the maximum number of iterations, at `point_seconds` seconds per
    point and iteration. Includes choosing the first centroids, with 2 + ln K candidates each, and a
    first and a last pass, and the second clustering that few points are compared with."""
    clusterings = 2 if points <= FEW_POINTS else 1
    sampled = min(points, max(SAMPLE * recipe.clusters, 10_000))
    first = (2 + int(math.log(recipe.clusters))) * sampled
    return (
        clusterings
        * recipe.restarts
        * point_seconds
        * (first + (recipe.max_iterations + 2) * points)
    )
