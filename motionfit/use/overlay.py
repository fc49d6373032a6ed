"""Writes a video with the class of each window drawn in."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from motionfit.store.mp4 import mp4_writer
from motionfit.store.video import UnreadableVideoError, frame_rate, timed_frames, upright
from motionfit.use.drawing import draw_text, text_width
from motionfit.use.model import Prediction
from motionfit.use.windows import TOLERANCE


def write_overlay(video: Path, predictions: Sequence[Prediction], output: Path) -> None:
    """Writes the frames of a video as MP4, at their full size and rate. At the top of each is the
    most probable class of its window, with the probability. Where windows overlap, the next one
    begins in the middle of the overlap."""
    size = next(upright(frame, None) for _, frame in timed_frames(video, None)).shape[:2]
    waiting = list(predictions)
    # Prediction has reported what can't be decoded.
    with mp4_writer(output, size, frame_rate(video)) as write, suppress(UnreadableVideoError):
        for time, frame in timed_frames(video, None):
            while len(waiting) > 1 and time + TOLERANCE >= (waiting[0].end + waiting[1].start) / 2:
                waiting.pop(0)
            name, probability = waiting[0].best
            write(with_label(upright(frame, size), f"{name}  {probability:.0%}"))


def with_label(image: np.ndarray, label: str) -> np.ndarray:
    """The image with a text on a dark bar at its top, in letters that fit its width."""
    height, width = image.shape[:2]
    size = max(8, height // 16)
    bar = min(height, round(1.6 * size))
    image = image.copy()
    image[:bar] = image[:bar] // 4
    if (needed := text_width(label, size)) > width - size:
        size = max(6, size * (width - size) // needed)
    draw_text(image, label, size // 2, round(bar * 0.7), size, 255)
    return image
