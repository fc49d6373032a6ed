"""Computes the flow of a video file, as a coloured video or as an array."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np

from motionfit.errors import MotionFitError
from motionfit.files import check_writable, replacing
from motionfit.flow.colours import flow_colours
from motionfit.flow.methods import Pair, compute_pairs
from motionfit.store.mp4 import mp4_writer
from motionfit.store.video import UnreadableVideoError, decode, frame_rate

log = logging.getLogger(__name__)

BLOCK = 2**22
"""Number of pixels in the pairs that are computed at once."""

SAMPLE = 32
"""Number of pairs, spread over the video, that are used to measure the motion."""

SATURATED = 99
"""Percentile of the motion that gets full saturation, in the sampled pair with the most motion."""

LEAST = 0.05
"""Smallest motion that gets full saturation, in pixels per frame, so that noise does not."""

Size = tuple[int, int]
"""Height and width."""


def video_flow(
    video: Path,
    size: Size | None,
    method: str,
    threads: int,
    picture: Path | None,
    field: Path | None,
) -> None:
    """Computes the flow of a video and writes it to files.

    Parameters
    ----------
    video
        Path of the video.
    size
        Height and width to compute at, or None for those of the video.
    method, threads
        See `motionfit.flow.compute_flow`.
    picture
        Output, a coloured video.
    field
        Output, a NumPy file (T-1, H, W, 2) float32: x and y in pixels per frame.

    Frames that can't be decoded are left out, with a warning. Raises MotionFitError if fewer than
    two frames can be decoded, if the method does not accept the frames, or, before anything is
    computed, if a file can't be written.
    """
    for path in filter(None, (picture, field)):
        check_writable(path)
    # The frames are decoded up to three times: to count them, since the header of a NumPy file
    # contains the length; to measure the motion, which scales the colours; and to compute the flow.
    # The flow of a long video does not fit into memory, and not on every disk. The sampled fields
    # are kept until they are written.
    count, (height, width) = survey(video, size)

    def flow(pairs: list[Pair]) -> list[np.ndarray]:
        try:
            return compute_pairs(pairs, method, threads) if pairs else []
        except ValueError as error:
            raise MotionFitError(f"{video}: {error}") from None

    known: dict[int, np.ndarray] = {}
    with ExitStack() as stack:
        writers = []
        if field:
            shape = (count - 1, height, width, 2)
            writers.append(stack.enter_context(field_writer(field, shape)))
        if picture:
            chosen = sample(video, size, count)
            known = dict(zip(chosen, flow(list(chosen.values())), strict=True))
            scale = most_motion(known.values())
            pictures = picture_writer(picture, (height, width), frame_rate(video), scale)
            writers.append(stack.enter_context(pictures))
            log.info("%s: full colour means %.3g pixels per frame", picture, scale)
        pairs = blocks(grey_frames(video, size, count), threads)
        for values in fields(pairs, count - 1, known, flow):
            for write in writers:
                write(values)
    for path in filter(None, (picture, field)):
        log.info("wrote %s", path)


def survey(video: Path, size: Size | None) -> tuple[int, Size]:
    """The number of frames that can be decoded, and their height and width. Warns if the rest can't
    be decoded. Raises MotionFitError if there are fewer than two frames."""
    count, shape, problem = 0, (0, 0), ""
    try:
        for frame in decode(video, size):
            count, shape = count + 1, frame.shape[:2]
    except UnreadableVideoError as error:
        problem = str(error)
    if not count:
        raise MotionFitError(f"{video} can't be decoded: {problem}")
    if count < 2:
        raise MotionFitError(f"{video} has no motion: it has one frame. {problem}".strip())
    if problem:
        log.warning("%s: %s; this is the flow of the %d other frames", video, problem, count)
    return count, shape


def fields(
    blocks: Iterable[list[Pair]],
    count: int,
    known: dict[int, np.ndarray],
    flow: Callable[[list[Pair]], list[np.ndarray]],
) -> Iterator[np.ndarray]:
    """Yields the `count` fields of blocks of pairs. Those in `known`, by their numbers, are not
    computed again, but removed from it."""
    done = 0
    for block in blocks:
        numbers = range(done, done + len(block))
        new = iter(flow([pair for i, pair in zip(numbers, block, strict=True) if i not in known]))
        for i in numbers:
            yield known.pop(i) if i in known else next(new)
        done += len(block)
        log.info("%d of %d fields", done, count)


def grey_frames(video: Path, size: Size | None, count: int) -> Iterator[np.ndarray]:
    """Yields the first `count` frames of a video, (H, W) uint8 grey."""
    for frame in islice(decode(video, size), count):
        yield cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def sample(video: Path, size: Size | None, count: int) -> dict[int, Pair]:
    """Pairs of adjacent frames, spread over the video, by the index of their first frame."""
    chosen = set(np.linspace(0, count - 2, min(SAMPLE, count - 1)).round().astype(int).tolist())
    pairs = enumerate(pairwise(grey_frames(video, size, count)))
    return {i: pair for i, pair in pairs if i in chosen}


def most_motion(fields: Iterable[np.ndarray]) -> float:
    """The motion that gets full saturation, in pixels per frame."""
    lengths = [np.percentile(np.linalg.norm(field, axis=-1), SATURATED) for field in fields]
    return max(LEAST, float(np.max(lengths)))


def blocks(frames: Iterator[np.ndarray], threads: int) -> Iterator[list[Pair]]:
    """Yields lists of many pairs of adjacent frames."""
    pairs = pairwise(frames)
    while block := list(islice(pairs, 1)):
        yield block + list(islice(pairs, max(threads, BLOCK // block[0][0].size) - 1))


@contextmanager
def field_writer(path: Path, shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """Opens a NumPy file of float32 values and yields a function that writes one field to it."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)

        def write(field: np.ndarray) -> None:
            file.write(field.astype("<f4").tobytes())

        yield write


@contextmanager
def picture_writer(
    path: Path, size: Size, rate: Fraction, scale: float
) -> Iterator[Callable[[np.ndarray], None]]:
    """Opens a coloured H.264 video and yields a function that writes one field to it. A motion of
    `scale` pixels gets full saturation."""
    with mp4_writer(path, size, rate) as write:
        yield lambda field: write(flow_colours(field, scale))
