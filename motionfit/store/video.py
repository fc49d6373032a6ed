"""Decoding videos: the only place that opens one."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from motionfit.errors import MotionFitError

COMPLETE = 0.95
"""Share of the frames announced by its header that a whole video has."""


UNKNOWN_RATE = Fraction(25)
"""Frames a second of a video that does not say."""


class UnreadableVideoError(MotionFitError):
    """A file that gives no frames, or no more of them: the message says why."""


def frame_rate(path: Path) -> Fraction:
    """Frames a second, of a video that can be decoded."""
    with av.open(str(path), metadata_errors="ignore") as container:
        return container.streams.video[0].average_rate or UNKNOWN_RATE


def decode(
    path: Path, size: tuple[int, int] | None, fps: float | None = None
) -> Iterator[np.ndarray]:
    """Yields the frames of a video, (H, W, 3) uint8 RGB, resized to `size` (H, W) where given;
    else a change of their size ends the video.

    With `fps`, a frame is left out where it comes sooner than 1/fps seconds after the last one
    due, so a video of a higher rate is thinned to that rate and one of a lower rate stays as it
    is. Raises UnreadableVideoError at the point from which nothing can be decoded.
    """
    height, width = size or (None, None)
    # Metadata that is not UTF-8, as some HMDB51 files have, is no reason to lose a video.
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise UnreadableVideoError("it has no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = float(stream.average_rate or UNKNOWN_RATE)
            due = count = 0
            first = None
            for i, frame in enumerate(container.decode(stream)):
                first = first or (frame.height, frame.width)
                if size is None and (frame.height, frame.width) != first:
                    raise UnreadableVideoError(
                        f"its frames change from {first[1]}x{first[0]} to "
                        f"{frame.width}x{frame.height} pixels"
                    )
                count = i + 1
                # Half a source frame of tolerance, since time stamps are rounded.
                if fps is not None:
                    seconds = i / rate
                    if (seconds + 0.5 / rate) * fps < due:
                        continue
                    due = math.floor((seconds + 0.5 / rate) * fps) + 1
                yield frame.to_ndarray(
                    format="rgb24", width=width, height=height, interpolation="AREA"
                )
            # Some formats end without an error where the file was cut short. Headers may be off by
            # a few frames, so only a loss that matters counts.
            if count < COMPLETE * stream.frames:
                raise UnreadableVideoError(f"it ends after {count} of its {stream.frames} frames")
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        # FFmpeg's own words, without its number and once more the path.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableVideoError(reason) from None
