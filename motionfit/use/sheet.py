"""Draws a contact sheet: a query video, and below it the clips that a search found."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.store.video import UnreadableVideoError, timed_frames, upright
from motionfit.use.drawing import draw_text
from motionfit.use.model import Embedding
from motionfit.use.search import Hit

FRAMES = 5
"""Frames per row."""
HEIGHT, WIDTH = 120, 160
"""Pixels of the box that a frame is fitted into."""
GAP, CAPTION = 6, 28
"""Pixels between frames, and height of a caption."""
PAPER, INK = 255, 30
"""Grey values of background and text."""


def write_sheet(query: Path, embedding: Embedding, hits: Sequence[Hit], output: Path) -> None:
    """Writes a PNG with one row for the query and one per hit: a caption and evenly spread frames.
    A hit whose video is missing or can't be read has a caption only."""
    rows = [row(f"query: {query.name}", frames_at(query, moments(embedding.start, embedding.end)))]
    for rank, hit in enumerate(hits, 1):
        times = f"{hit.start:.1f} to {hit.end:.1f} s"
        text = f"{rank}. {hit.similarity:.3f}  {Path(hit.video).name}  {times}"
        try:
            frames = frames_at(Path(hit.video), moments(hit.start, hit.end))
        except MotionFitError as error:
            frames, text = [], f"{text} (can't be read: {error})"
        rows.append(row(text, frames))
    image = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    with replacing(output) as temporary:
        temporary.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def moments(start: float, end: float) -> list[float]:
    """Times in seconds, spread evenly inside a clip."""
    return [start + (i + 0.5) / FRAMES * (end - start) for i in range(FRAMES)]


def frames_at(video: Path, times: Sequence[float]) -> list[np.ndarray]:
    """The frames (H, W, 3) uint8 RGB that a video shows at ascending times in seconds. Frames that
    can't be decoded are left out. Raises MotionFitError if there are none."""
    images: list[np.ndarray] = []
    shown = None
    try:
        for time, frame in timed_frames(video, None):
            while shown is not None and len(images) < len(times) and times[len(images)] < time:
                images.append(upright(shown, None))
            if len(images) == len(times):
                return images
            shown = frame
    except UnreadableVideoError:
        if shown is None:
            raise
    return images + [upright(shown, None)] * (len(times) - len(images))


def row(caption: str, frames: Sequence[np.ndarray]) -> np.ndarray:
    """A caption above frames, as an image (H, W, 3) uint8 RGB."""
    image = np.full((CAPTION + HEIGHT + GAP, GAP + FRAMES * (WIDTH + GAP), 3), PAPER, np.uint8)
    draw_text(image, caption, GAP, CAPTION - 9, 14, INK)
    for i, frame in enumerate(frames):
        fitted = fit(frame)
        height, width = fitted.shape[:2]
        left = GAP + i * (WIDTH + GAP) + (WIDTH - width) // 2
        image[CAPTION : CAPTION + height, left : left + width] = fitted
    return image


def fit(frame: np.ndarray) -> np.ndarray:
    """The frame in the size that fits into the box of a frame."""
    scale = min(HEIGHT / frame.shape[0], WIDTH / frame.shape[1])
    size = [max(1, round(side * scale)) for side in (frame.shape[1], frame.shape[0])]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
