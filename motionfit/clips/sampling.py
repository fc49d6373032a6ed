"""Where the clips of a video start, and which labelled window each clip belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelledVideo:
    """A video and its labelled windows: one window for a video with one label, or one window per
    pseudo-label (a clip or a segment)."""

    video: str
    starts: np.ndarray
    """(N,) first frame of each window, in ascending order."""
    lengths: np.ndarray
    """(N,) number of frames of each window."""
    labels: np.ndarray
    """(N,) int64 class of each window."""
    weights: np.ndarray
    """(N,) sampling weight of each window. If videos are sampled too, the weight of a video is the
    sum of the weights of its windows."""


def whole_video(video: str, frames: int, label: int) -> LabelledVideo:
    """A video with one label for all of its frames."""
    return LabelledVideo(
        video, np.array([0]), np.array([frames]), np.array([label]), np.array([1.0])
    )


def uniform_starts(frames: int, clip_length: int, count: int) -> list[int]:
    """Starts of `count` clips spread evenly over a video, from its first to its last possible
    start. In a short video several clips share a start."""
    return [int(s) for s in np.linspace(0, max(frames - clip_length, 0), count).round()]


def dense_starts(frames: int, clip_length: int, stride: int) -> np.ndarray:
    """Starts of all complete clips of a video, `stride` frames apart. A video shorter than a clip
    has the single start 0."""
    return np.arange(0, max(frames - clip_length, 0) + 1, stride)


def ordered_starts(
    frames: int, clip_length: int, count: int, gap: int, rng: np.random.Generator
) -> list[int]:
    """Starts of `count` consecutive clips with `gap` frames between them, at a random position in
    the video. In a video that is too short for this, the clips are spread evenly and may overlap.
    """
    step = min(clip_length + gap, max(frames - clip_length, 0) / (count - 1))
    room = frames - clip_length - step * (count - 1)
    first = int(rng.integers(int(room) + 1)) if room >= 1 else 0
    return [first + int(i * step) for i in range(count)]


def random_clips(
    video: LabelledVideo,
    frames: int,
    clip_length: int,
    count: int,
    rng: np.random.Generator,
    repeat_windows: bool = False,
    jitter: int = 0,
) -> list[tuple[int, int]]:
    """(start, window) of `count` random clips of a video with `frames` frames.

    Windows are sampled by their weights, each at most once unless the video has fewer than `count`
    windows or `repeat_windows` is set. The clip then starts anywhere in the range that
    `start_ranges` gives for its window.
    """
    weights = video.weights / video.weights.sum()
    replace = repeat_windows or len(weights) < count
    windows = rng.choice(len(weights), size=count, replace=replace, p=weights)
    first, last = start_ranges(video, frames, clip_length, jitter)
    return [(int(rng.integers(first[w], last[w] + 1)), int(w)) for w in windows]


def start_ranges(
    video: LabelledVideo, frames: int, clip_length: int, jitter: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) first and (N,) last frame at which a clip of each window may start.

    A clip shorter than its window stays inside the window. Otherwise the clip is centred on the
    window, or starts up to `jitter` frames away from there. All starts are valid in a video with
    `frames` frames.
    """
    room = video.lengths - clip_length
    fits = room > 0
    first = video.starts + np.where(fits, 0, room // 2 - jitter)
    last = video.starts + np.where(fits, room, room // 2 + jitter)
    limit = max(frames - clip_length, 0)
    return first.clip(0, limit), last.clip(0, limit)


def clips_on_windows(
    starts: Iterable[int], video: LabelledVideo, frames: int, clip_length: int, jitter: int = 0
) -> list[tuple[int, int]]:
    """(start, window) of one clip near each of the ascending `starts`.

    A clip is moved to the nearest start that its window allows (`start_ranges`), and behind the
    previous clip as long as there is room.
    """
    first, last = start_ranges(video, frames, clip_length, jitter)
    clips, next_free = [], 0
    for start in starts:
        low = np.maximum(first, next_free)
        if (low > last).all():
            low = first
        nearest = np.clip(start, low, last)
        distance = np.where(low > last, np.inf, np.abs(nearest - start))
        # If several windows allow the same start, take the window whose middle is nearest to the
        # middle of the clip.
        middle = np.abs(video.starts + video.lengths / 2 - nearest - clip_length / 2)
        window = int(np.lexsort((middle, distance))[0])
        clips.append((int(nearest[window]), window))
        next_free = clips[-1][0] + 1
    return clips
