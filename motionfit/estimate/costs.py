"""Arithmetic: from counts and rates to what the stages cost."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from motionfit.clips.sampling import dense_starts, uniform_starts
from motionfit.config import PseudoLabels, Training
from motionfit.pseudo_labels.kmeans import SAMPLE


@dataclass(frozen=True)
class Job:
    """Jobs of a stage that are alike."""

    count: int
    seconds: float
    """Of all of them together, one after the other, without the start of the program."""
    bytes: float
    """That they leave on the disk."""
    error: float = 0.0
    """How far the seconds and bytes may be off for the sample's sake, as a fraction."""


@dataclass(frozen=True)
class Cost:
    """What a stage costs."""

    stage: str
    jobs: int
    core_hours: float
    gpu_hours: float
    bytes: float
    error: float
    """How far hours and bytes may be off for the sample's sake, as a fraction."""
    longest: float
    """Hours of its longest job."""


def cost(stage: str, jobs: Iterable[Job], start: float, threads: int, gpus: int) -> Cost:
    """Adds up the jobs of a stage, each of which takes `start` seconds before it does anything and
    has `threads` cores and `gpus` GPUs for as long as it runs."""
    jobs = list(jobs)
    seconds = [job.seconds + job.count * start for job in jobs]
    hours = sum(seconds) / 3600
    written = sum(job.bytes for job in jobs)
    # Of whichever is off by more; jobs of one data set are all off in the same direction.
    errors = [
        sum(job.error * amount for job, amount in zip(jobs, amounts, strict=True))
        / max(sum(amounts), 1e-9)
        for amounts in (seconds, [job.bytes for job in jobs])
    ]
    longest = max(
        (s / job.count for s, job in zip(seconds, jobs, strict=True) if job.count), default=0.0
    )
    return Cost(
        stage,
        sum(job.count for job in jobs),
        hours * threads,
        hours * gpus,
        written,
        max(errors),
        longest / 3600,
    )


def together(stage: str, parts: Iterable[Cost]) -> Cost:
    """Several kinds of jobs, or several stages, as one."""
    parts = list(parts)
    hours = sum(part.core_hours for part in parts)
    return Cost(
        stage,
        sum(part.jobs for part in parts),
        hours,
        sum(part.gpu_hours for part in parts),
        sum(part.bytes for part in parts),
        sum(part.error * part.core_hours for part in parts) / max(hours, 1e-9),
        max((part.longest for part in parts), default=0.0),
    )


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
    return recipe.epochs * epoch / devices


def dense_clips(frames: np.ndarray, clip_length: int, stride: int) -> np.ndarray:
    """(n,) dense clips of videos of so many frames."""
    return np.array([len(dense_starts(int(f), clip_length, stride)) for f in frames])


def evaluated_clips(frames: np.ndarray, clip_length: int, count: int) -> float:
    """Mean number of clips that are computed of a video of so many frames, where an evaluation
    takes `count`: those of a short video that begin at the same frame are computed once."""
    return float(np.mean([len(set(uniform_starts(int(f), clip_length, count))) for f in frames]))


def units(recipe: PseudoLabels, clips: np.ndarray) -> np.ndarray:
    """(n,) points that are clustered of videos of so many dense clips."""
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


def kmeans_seconds(recipe: PseudoLabels, points: float, a_point: float) -> float:
    """Seconds of K-means with as many iterations as it may take, at `a_point` seconds a point and
    iteration: the first centroids, 2 + ln K candidates each, a first and a last pass as well."""
    sampled = min(points, max(SAMPLE * recipe.clusters, 10_000))
    first = (2 + int(math.log(recipe.clusters))) * sampled
    return recipe.restarts * a_point * (first + (recipe.max_iterations + 2) * points)
