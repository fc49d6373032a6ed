"""Clips and flow as small pictures for a page."""

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
from motionfit.flow.encoding import dequantise
from motionfit.modality import Modality
from motionfit.result_tables import read_table
from motionfit.store.clips import ClipStore

T = TypeVar("T")

SHOWN = 104
"""Width of a picture on the page, in CSS pixels."""
FILM = 8
"""Frames of a clip that are shown."""


# -------------------------------------------------------------------------------- what is read


class StoredClips:
    """Frames or flow of a data set, of which only the shards that are asked for are opened."""

    def __init__(self, folder: Path, index: pd.DataFrame, modality: Modality):
        self._folder = folder
        self._modality = modality
        self._shard_of = dict(zip(index["video"], index["shard"], strict=True))
        self._open: dict[str, ClipStore] = {}

    def store(self, video: str) -> ClipStore | None:
        """The shard that holds a video; None where the video could not be decoded."""
        shard = self._shard_of[video]
        if shard not in self._open:
            self._open[shard] = ClipStore(self._folder, [shard], self._modality)
        return self._open[shard] if video in self._open[shard] else None

    def spread(self, video: str, start: int, length: int, count: int) -> np.ndarray | None:
        """(N, H, W, C) uint8: at most `count` frames spread evenly over `length` ones from `start`
        on."""
        if (store := self.store(video)) is None:
            return None
        length = min(length, store.length(video) - start)
        steps = spread(range(start, start + length), count)
        return np.concatenate([store.read(video, step, 1) for step in steps])

    def middle(self, video: str, start: int, length: int) -> np.ndarray:
        """(H, W, C) uint8: the middle frame of a clip. Raises MotionFitError where the video could
        not be decoded."""
        if (store := self.store(video)) is None:
            raise MotionFitError(f"{self._folder} has no video {video!r}, which was retrieved")
        return store.read(video, start + length // 2, 1)[0]


def read_nearest(path: Path) -> pd.DataFrame:
    """The nearest training videos of each query, each by its nearest clip, as retrieval writes
    them: query, query_start, query_label, rank, video, start, label, similarity."""
    text = dict.fromkeys(("query", "query_label", "video", "label"), str)
    return read_table(path, text | {"query_start": int, "rank": int, "start": int})


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, evenly spread, with the first and the last."""
    if len(items) <= count:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]


def spread_over(table: pd.DataFrame, column: str, count: int) -> pd.DataFrame:
    """At most `count` rows, of as many different values of a column as there are, evenly spread."""
    first = table.drop_duplicates(column)
    rest = table.drop(first.index)
    chosen = spread(list(first.index), count)
    chosen += spread(list(rest.index), count - len(chosen)) if len(chosen) < count else []
    return table.loc[chosen]


# -------------------------------------------------------------------------------- what is shown


@dataclass(frozen=True)
class Film:
    """Frames side by side in one picture, which the page plays."""

    uri: str
    frames: int
    width: int
    """Of one frame, in its own pixels."""


@dataclass(frozen=True)
class FlowPicture:
    """Flow as colours, with arrows as an SVG path in pixels of a picture of SHOWN by `height`."""

    uri: str
    arrows: str
    height: int
    width: int
    """In its own pixels."""


def film(frames: np.ndarray) -> Film:
    """(N, H, W, 3) uint8 frames as a film."""
    small = [reduced(frame) for frame in frames]
    return Film(data_uri(np.concatenate(small, axis=1)), len(small), small[0].shape[1])


def flow_picture(flow: np.ndarray, scale: float) -> FlowPicture:
    """Flow (H, W, 2) in pixels as a picture; motion of `scale` and more has full colour."""
    image = reduced(flow_colours(flow, scale))
    height = round(SHOWN * flow.shape[0] / flow.shape[1])
    return FlowPicture(
        data_uri(image), flow_arrows(flow, scale, (height, SHOWN)), height, image.shape[1]
    )


def reduced(image: np.ndarray) -> np.ndarray:
    """The image, made smaller where it is wider than it is shown."""
    height, width = image.shape[:2]
    if width <= SHOWN:
        return image
    return cv2.resize(
        image, (SHOWN, max(1, round(height * SHOWN / width))), interpolation=cv2.INTER_AREA
    )


def data_uri(image: np.ndarray) -> str:
    """(H, W, 3) uint8 RGB as a JPEG in a data URI, its colours at full resolution."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        88,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1]
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


# ----------------------------------------------------------------------------------------- flow


def mean_flow(stored: np.ndarray, bound: float) -> np.ndarray:
    """Stored flow (N, H, W, 2) uint8 to its mean over time, (H, W, 2) in pixels a frame."""
    return dequantise(stored, bound).mean(axis=0)


def common_scale(flows: Sequence[np.ndarray]) -> float:
    """The motion, in pixels a frame, that 98% of the pixels of all these stay below."""
    if not flows:
        return 1.0
    lengths = np.concatenate([np.linalg.norm(flow, axis=-1).ravel() for flow in flows])
    return max(float(np.percentile(lengths, 98)), 0.05)


def colour_wheel(size: int = 96) -> str:
    """The legend of `flow_colours`: a disc whose colours are those of motion away from its
    middle."""
    y, x = np.mgrid[:size, :size] * 2 / (size - 1) - 1
    colours = flow_colours(np.stack([x, y], axis=-1), scale=1)
    colours[np.hypot(x, y) > 1] = 255
    return data_uri(colours)


def flow_arrows(flow: np.ndarray, scale: float, size: tuple[int, int], across: int = 6) -> str:
    """Arrows on a grid as the SVG path of a picture of `size` (height, width): the mean flow of
    each cell, almost as long as the cell where it is `scale` or more, left out where it is below a
    tenth."""
    height, width = size
    cell = width / across
    down = max(1, round(height / cell))
    means = cv2.resize(
        np.ascontiguousarray(flow, np.float32), (across, down), interpolation=cv2.INTER_AREA
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
