"""Tells whether two videos that look alike show the same motion.

Clips of one scene share their background, so frames that look alike are not enough. Here, one video
is placed in the window of the other that shows the same, and shifted in time. Then the frames are
correlated after their mean over time is subtracted, so that only what moves counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from motionfit.duplicates.grey import GreyFrames

PER_SECOND = 8.0
"""Frames per second that are compared."""
MOST = 320
"""Most frames of a video that are compared. Of longer videos, fewer per second are."""
FINE = 3
"""Number of shifts in time that are tried between two frames of a promising pair."""
PROMISING = 0.6
"""Least similarity of a promising pair."""
LEAST = 4
"""Least number of frames in which two videos overlap."""
OVERLAP = 0.5
"""Least share of the shorter video in which the two overlap."""
PLACED = 128
"""Height and width of the frames of which one is placed in the other."""
COMPARED = 32
"""Height and width of the frames that are correlated."""
SCALES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Height and width of a cropped video, as shares of the other's."""
STILL = 2.0
"""Standard deviation over time in grey levels, up to which nothing moves. What remains is noise of
the encoding, so two such videos can't be told apart from two of one scene."""

Window = tuple[float, float, float, float]
"""Top, bottom, left and right, as shares of height and width."""
WHOLE: Window = (0.0, 1.0, 0.0, 1.0)


class Placed(NamedTuple):
    """The windows in which two videos show the same."""

    window: Window
    other_window: Window


class Aligned(NamedTuple):
    """How alike two videos are, and how they are shifted."""

    similarity: float
    """Correlation of what moves, from 0 to 1. 0 if too little moves."""
    shift: float
    """Seconds from the start of the video to the start of the other one."""


def compare(video: GreyFrames, other: GreyFrames) -> Aligned:
    """Compares what moves in two videos."""
    per_second = min(PER_SECOND, MOST / max(video.seconds, other.seconds))
    frames, others = video.at_rate(per_second), other.at_rate(per_second)
    placed = place(np.mean(frames, 0, np.float32), np.mean(others, 0, np.float32))
    pixels = windowed(frames, placed.window)
    best = align(pixels, windowed(others, placed.other_window), per_second)
    if best.similarity >= PROMISING:
        dense = other.at_rate(FINE * per_second)
        for offset in range(1, FINE):
            later = windowed(dense[offset::FINE], placed.other_window)
            similarity, shift = align(pixels, later, per_second)
            if similarity > best.similarity:
                best = Aligned(similarity, shift - offset / (FINE * per_second))
    return best


def place(image: np.ndarray, other: np.ndarray) -> Placed:
    """Finds the window of one grey image that shows the other image."""
    small = [cv2.resize(i, (PLACED, PLACED), interpolation=cv2.INTER_AREA) for i in (image, other)]
    score, window = best_window(small[0], small[1])
    other_score, other_window = best_window(small[1], small[0])
    if score >= other_score:
        return Placed(window, WHOLE)
    return Placed(WHOLE, other_window)


def best_window(image: np.ndarray, part: np.ndarray) -> tuple[float, Window]:
    """The correlation with the window of an image that is most like `part`, and the window."""
    best, window = -1.0, WHOLE
    for height in SCALES:
        for width in SCALES:
            rows, columns = round(height * PLACED), round(width * PLACED)
            small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
            scores = cv2.matchTemplate(image, small, cv2.TM_CCOEFF_NORMED)
            _, score, _, (left, top) = cv2.minMaxLoc(scores)
            if score > best:
                ends = (top, top + rows, left, left + columns)
                best, window = score, tuple(end / PLACED for end in ends)
    return best, window


def windowed(frames: Sequence[np.ndarray], window: Window) -> np.ndarray:
    """(T, D) float32: the window of each grey frame, reduced to D pixels, without their mean."""
    height, width = frames[0].shape
    top, bottom, left, right = window
    rows = slice(round(top * height), round(bottom * height))
    columns = slice(round(left * width), round(right * width))
    size = (COMPARED, COMPARED)
    small = [cv2.resize(f[rows, columns], size, interpolation=cv2.INTER_AREA) for f in frames]
    pixels = np.stack(small).reshape(len(small), -1).astype(np.float32)
    return pixels - pixels.mean(1, keepdims=True)


def align(video: np.ndarray, other: np.ndarray, per_second: float) -> Aligned:
    """Shifts one video (T, D) in time to where its motion correlates most with the other's."""
    across, own, others = video @ other.T, video @ video.T, other @ other.T
    least = max(LEAST, round(OVERLAP * min(len(video), len(other))))
    floor = video.shape[1] * STILL**2
    best = Aligned(0.0, 0.0)
    for shift in range(least - len(other), len(video) - least + 1):
        start, end = max(shift, 0), min(len(video), len(other) + shift)
        here, there = slice(start, end), slice(start - shift, end - shift)
        count = end - start
        energies = moving(own[here, here]), moving(others[there, there])
        if min(energies) > count * floor:
            similarity = moving(across[here, there]) / np.sqrt(energies[0] * energies[1])
            if similarity > best.similarity:
                best = Aligned(float(similarity), shift / per_second)
    return best


def moving(products: np.ndarray) -> float:
    """The sum over time of the products of frames, if each has its mean over time removed. The
    frames' own products are given (T, T)."""
    return float(np.trace(products) - products.sum() / len(products))
