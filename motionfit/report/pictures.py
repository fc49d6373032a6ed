"""Turns clips and flow into small pictures for the page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd

from motionfit.errors import MotionFitError
from motionfit.flow.colours import flow_colours
from motionfit.modality import Modality
from motionfit.result_tables import read_table
from motionfit.store.clips import ClipStore

T = TypeVar("T")

PICTURE_WIDTH = 104
"""Width of a picture on the page, in CSS pixels."""
FILM_FRAMES = 8
"""Frames of a clip that the page plays."""
WHEEL_SIZE = 96
"""Width and height of the colour wheel, in pixels."""
ARROWS_ACROSS = 6
"""Arrows in a row of a flow picture."""


# --------------------------------------------------------------------------------------- reading


class StoredClips:
    """The stored frames or flow of a data set. A shard is opened when it is first needed."""

    def __init__(self, folder: Path, index: pd.DataFrame, modality: Modality):
        self._folder = folder
        self._modality = modality
        self._shard_of = dict(zip(index["video"], index["shard"], strict=True))
        self._open: dict[str, ClipStore] = {}

    def store(self, video: str) -> ClipStore | None:
        """The shard that holds a video. None if the video could not be decoded."""
        shard = self._shard_of[video]
        if shard not in self._open:
            self._open[shard] = ClipStore(self._folder, [shard], self._modality)
        return self._open[shard] if video in self._open[shard] else None

    def spread(self, video: str, start: int, length: int, count: int) -> np.ndarray | None:
        """Reads at most `count` frames, spread evenly over `length` frames from `start` on.

        Returns (N, H, W, C) uint8, or None if the video could not be decoded.
        """
        if (store := self.store(video)) is None:
            return None
        length = min(length, store.length(video) - start)
        steps = spread(range(start, start + length), count)
        return np.concatenate([store.read(video, step, 1) for step in steps])

    def middle(self, video: str, start: int, length: int) -> np.ndarray:
        """Reads the middle frame of a clip: (H, W, C) uint8.

        Raises MotionFitError if the video could not be decoded.
        """
        if (store := self.store(video)) is None:
            raise MotionFitError(f"{self._folder} has no video {video!r}, which was retrieved")
        return store.read(video, start + length // 2, 1)[0]


def read_nearest(path: Path) -> pd.DataFrame:
    """Reads the nearest training videos of each query, as retrieval writes them: query,
    query_start, query_label, rank, video, start, label, similarity. `start` is that of the video's
    nearest clip."""
    text = dict.fromkeys(("query", "query_label", "video", "label"), str)
    return read_table(path, text | {"query_start": int, "rank": int, "start": int})


def spread(items: Sequence[T], count: int) -> list[T]:
    """Chooses at most `count` items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]


def spread_over(table: pd.DataFrame, column: str, count: int) -> pd.DataFrame:
    """Chooses at most `count` rows with as many different values of a column as possible. Both
    these rows and those that repeat a value are evenly spread."""
    first = table.drop_duplicates(column)
    rest = table.drop(first.index)
    chosen = spread(list(first.index), count)
    chosen += spread(list(rest.index), count - len(chosen)) if len(chosen) < count else []
    return table.loc[chosen]


# -------------------------------------------------------------------------------------- pictures


@dataclass(frozen=True)
class Film:
    """Frames side by side in one picture. The page plays them as a film."""

    uri: str
    frames: int
    width: int
    """Width of one frame, in pixels of the picture file."""


@dataclass(frozen=True)
class FlowPicture:
    """Flow as colours with arrows above them."""

    uri: str
    arrows: str
    """An SVG path for a drawing of PICTURE_WIDTH by `height` pixels."""
    height: int
    """Height on the page, in CSS pixels."""
    width: int
    """Width in pixels of the picture file."""


def film(frames: np.ndarray) -> Film:
    """Turns frames, (N, H, W, 3) uint8, into a film."""
    small = [reduced(frame) for frame in frames]
    return Film(data_uri(np.concatenate(small, axis=1)), len(small), small[0].shape[1])


def flow_picture(flow: np.ndarray, scale: float) -> FlowPicture:
    """Draws flow, (H, W, 2) in pixels. Motion of `scale` pixels and more has full colour."""
    image = reduced(flow_colours(flow, scale))
    height = round(PICTURE_WIDTH * flow.shape[0] / flow.shape[1])
    arrows = flow_arrows(flow, scale, (height, PICTURE_WIDTH))
    return FlowPicture(data_uri(image), arrows, height, image.shape[1])


def reduced(image: np.ndarray) -> np.ndarray:
    """Scales an image down to the width on the page. A narrower image stays as it is."""
    height, width = image.shape[:2]
    if width <= PICTURE_WIDTH:
        return image
    size = (PICTURE_WIDTH, max(1, round(height * PICTURE_WIDTH / width)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def data_uri(image: np.ndarray) -> str:
    """Encodes (H, W, 3) uint8 RGB as a JPEG in a data URI, without chroma subsampling."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 88]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1]
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


# ----------------------------------------------------------------------------------------- flow


def common_scale(flows: Sequence[np.ndarray]) -> float:
    """The 98th percentile of the motion of all pixels, in pixels per frame, and at least 0.05; 1 if
    there is no flow."""
    if not flows:
        return 1.0
    lengths = np.concatenate([np.linalg.norm(flow, axis=-1).ravel() for flow in flows])
    return max(float(np.percentile(lengths, 98)), 0.05)


def colour_wheel() -> str:
    """The legend of `flow_colours`: a disc, each point coloured as motion from the centre to it."""
    y, x = np.mgrid[:WHEEL_SIZE, :WHEEL_SIZE] * 2 / (WHEEL_SIZE - 1) - 1
    colours = flow_colours(np.stack([x, y], axis=-1), scale=1)
    colours[np.hypot(x, y) > 1] = 255
    return data_uri(colours)


def flow_arrows(flow: np.ndarray, scale: float, size: tuple[int, int]) -> str:
    """Draws the mean flow of each cell of a grid as an arrow.

    Returns an SVG path for a drawing of `size` (height, width). Flow of `scale` and more gets an
    arrow almost as long as a cell. Flow below a tenth of `scale` gets none.
    """
    height, width = size
    cell = width / ARROWS_ACROSS
    down = max(1, round(height / cell))
    means = cv2.resize(
        np.ascontiguousarray(flow, np.float32), (ARROWS_ACROSS, down), interpolation=cv2.INTER_AREA
    )
    path = []
    for (row, column), length in np.ndenumerate(np.linalg.norm(means, axis=-1) / scale):
        if length < 0.1:
            continue
        reach = means[row, column] / scale * min(1, 1 / length) * 0.85 * cell
        middle = np.array([(column + 0.5) * cell, (row + 0.5) * height / down])
        tail, tip = middle - reach / 2, middle + reach / 2
        path.append(f"M{tail[0]:.1f},{tail[1]:.1f}L{tip[0]:.1f},{tip[1]:.1f}")
        for side in (-1, 1):
            turn = np.array([[-0.8, side * 0.6], [-side * 0.6, -0.8]])
            barb = tip + turn @ reach * 0.4
            path.append(f"M{tip[0]:.1f},{tip[1]:.1f}L{barb[0]:.1f},{barb[1]:.1f}")
    return "".join(path)
