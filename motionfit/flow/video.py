"""The flow of a video file, to look at or to work with."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.flow.colours import flow_colours
from motionfit.flow.methods import compute_pairs
from motionfit.store.video import UnreadableVideoError, decode, frame_rate

log = logging.getLogger(__name__)

BLOCK = 2**22
"""Pixels of the pairs that are computed at a time."""

SATURATED = 99
"""Percentile of the motion, in the block where it is most, that has the full colour."""

LEAST = 0.05
"""Pixels a frame that have the full colour where nothing moves more: else noise would."""


def video_flow(
    video: Path,
    size: tuple[int, int] | None,
    method: str,
    threads: int,
    picture: Path | None,
    field: Path | None,
) -> None:
    """Computes the flow of a video and writes it as a video of colours (`picture`) and as a NumPy
    file (`field`): (T-1, H, W, 2) float32, pixels a frame, x and y.

    `size`: height and width to compute at; the video's own where None. A video that ends early is
    taken as far as it goes, with a warning. Raises MotionFitError where it has fewer than two
    frames.
    """
    # The frames are decoded twice, since a NumPy file has to know its length before it is written,
    # and the colours the largest motion; the flow of a long video does not fit into memory.
    count, (height, width), problem = survey(video, size)
    if count < 2:
        reason = problem or f"it has {count} frame" + "s" * (count != 1)
        raise MotionFitError(f"{video} has no motion: {reason}")
    if problem:
        log.warning("%s: %s; this is the flow of its first %d frames", video, problem, count)
    with ExitStack() as stack:
        if field:
            path = stack.enter_context(replacing(field))
        else:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "flow.npy"
        flow = np.lib.format.open_memmap(path, "w+", np.float32, (count - 1, height, width, 2))
        longest, done = 0.0, 0
        for fields in computed(islice(grey_frames(video, size), count), method, threads):
            flow[done : done + len(fields)] = fields
            done += len(fields)
            lengths = np.linalg.norm(fields, axis=-1)
            longest = max(longest, float(np.percentile(lengths, SATURATED)))
            log.info("%d of %d", done, count - 1)
        flow.flush()
        if picture:
            with replacing(picture) as temporary:
                write_picture(flow, max(longest, LEAST), frame_rate(video), temporary)
            log.info("%s: %.3g pixels a frame have the full colour", picture, max(longest, LEAST))


def survey(video: Path, size: tuple[int, int] | None) -> tuple[int, tuple[int, int], str]:
    """How many frames can be decoded, their height and width, and what goes wrong after them."""
    count, shape, problem = 0, (0, 0), ""
    try:
        for frame in decode(video, size):
            count, shape = count + 1, frame.shape[:2]
    except UnreadableVideoError as error:
        problem = str(error)
    return count, shape, problem


def grey_frames(video: Path, size: tuple[int, int] | None) -> Iterator[np.ndarray]:
    for frame in decode(video, size):
        yield cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def computed(frames: Iterator[np.ndarray], method: str, threads: int) -> Iterator[np.ndarray]:
    """(H, W) frames to the flow of a block of pairs at a time, (N, H, W, 2)."""
    block: list[np.ndarray] = []
    for frame in frames:
        block.append(frame)
        if len(block) > max(threads, BLOCK // frame.size):
            yield np.stack(compute_pairs(list(pairwise(block)), method, threads))
            block = block[-1:]
    if len(block) > 1:
        yield np.stack(compute_pairs(list(pairwise(block)), method, threads))


def write_picture(flow: np.ndarray, scale: float, rate: Fraction, path: Path) -> None:
    """(N, H, W, 2) flow as an H.264 video of colours; motion of `scale` pixels is saturated."""
    height, width = flow.shape[1:3]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
        # The codec's colours are halved in size, so both sides have to be even.
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        for field in flow:
            image = np.pad(flow_colours(field, scale),
                           ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")  # fmt: skip
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
