"""Decoding videos: the only place that opens one."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition

from motionfit.errors import MotionFitError
from motionfit.store.whole import Announced, Extent, announced_by

COMPLETE = 0.95
"""Share of the frames, or of the time, announced by its header that a whole video has."""

UNKNOWN_RATE = Fraction(25)
"""Frames a second of a video that does not say."""

LARGEST = 8192 * 4352
"""Pixels of the largest frames that are decoded, 8K: a damaged header may claim any size, and the
decoder would take the memory for it."""

MOST_ERRORS = 300
"""Packets that fail one after the other until the rest of a video is given up: more than the
decoder needs to find the next key frame of most videos."""


LONGEST_PAUSE = 3600.0
"""Seconds between two frames; time stamps that are further apart are damaged."""


PATIENCE = 60.0
"""Seconds that opening a file, or reading a packet of it, may take: a live playlist never ends."""


class UnreadableVideoError(MotionFitError):
    """A file that gives no frames, or not all of them, or not whole: the message says why."""


@dataclass
class Tally:
    """What came out of a video, and what did not."""

    packets: int = 0
    hidden: int = 0
    """Packets that the file says not to show: those that a trimmed video leaves out."""
    corrupt: int = 0
    """Packets that the file, or its end, shows to be damaged."""
    lost: int = 0
    """Packets that the decoder refuses."""
    lost_in_a_row: int = 0
    reason: str = ""
    """Why the first of them is lost."""
    frames: int = 0
    damaged: int = 0
    """Frames of which the decoder guesses a part."""

    def problem(self, announced: Announced, extent: Extent, step: float) -> str:
        """What is missing of a video, whose last frame comes `step` seconds after the one before;
        '' where nothing is."""
        problems = []
        if self.lost:
            problems.append(
                f"{self.lost} of its {self.packets} packets can't be decoded ({self.reason})"
            )
        if self.corrupt:
            problems.append(f"{self.corrupt} of its {self.packets} packets are corrupt")
        if self.damaged:
            problems.append(f"{self.damaged} of its {self.frames} frames are damaged")
        # Some formats end without an error where the file was cut short. Headers may be off by
        # a few frames, so only a loss that matters counts. Packets are counted, not frames, since
        # some have none to show: a field, or the mark that a frame stays.
        frames = announced.frames
        if frames and self.packets < COMPLETE * frames:
            problems.append(f"{self.frames} of its {frames - self.hidden} frames come out")
        elif not self.frames:
            problems.append("it has no frames")
        elif not frames and extent.seconds + max(step, 1) < COMPLETE * announced.seconds:
            problems.append(
                f"it ends after {extent.seconds:.1f} of its {announced.seconds:.1f} seconds"
            )
        return "; ".join(problems)


class Clock:
    """Tells when the frames of a stream are shown, by their time stamps.

    Those of a damaged file may jump or be missing, so only the steps between frames are looked at,
    and one that can't be is taken as `1 / rate` seconds.
    """

    def __init__(self, container: InputContainer, stream: av.VideoStream):
        self._unit = float(stream.time_base or 0)
        self.usual_step = float(1 / rate_of(stream))
        # AVI has decoding times only: as presentation times they would be those of other frames.
        self._decoding = container.format.name == "avi"
        self._last: int | None = None
        self.seconds = -self.usual_step
        """Since the first frame."""
        self.step = self.usual_step
        """Seconds since the frame before."""

    def tell(self, frame: av.VideoFrame) -> None:
        stamp = frame.dts if self._decoding or frame.pts is None else frame.pts
        self.step = self.usual_step
        if stamp is not None and self._last is not None:
            step = (stamp - self._last) * self._unit
            if 0 < step < LONGEST_PAUSE:
                self.step = step
        self.seconds += self.step
        self._last = stamp

    def tick(self, fps: float) -> int:
        """The number of the last of `fps` ticks a second, with half a frame of tolerance, since
        time stamps are rounded."""
        return math.floor((self.seconds + min(self.step, self.usual_step) / 2) * fps)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """A video file and the stream in it that is to be decoded.

    Raises UnreadableVideoError where there is none, and for what FFmpeg raises inside the block.
    """
    try:
        with container_of(path) as container:
            stream = moving(container, path)
            if stream is None:
                raise UnreadableVideoError("it has no video stream")
            if stream.codec_context is None:
                raise UnreadableVideoError("FFmpeg has no decoder for its video stream")
            if stream.width * stream.height > LARGEST:
                raise UnreadableVideoError(
                    f"its frames of {stream.width}x{stream.height} pixels are larger than 8K"
                )
            stream.codec_context.options = {"max_pixels": str(LARGEST)}
            # With a thread a frame, those still held at the end are dropped where one of them is
            # damaged; a shard is a job of one core anyway.
            stream.codec_context.thread_count = 1
            yield container, stream
    except av.error.ExitError:
        raise UnreadableVideoError(f"nothing came for {PATIENCE:g} seconds") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideoError(words(error)) from None


def container_of(path: Path) -> InputContainer:
    # Metadata that is not UTF-8, as some HMDB51 files have, is no reason to lose a video.
    # "file:", since FFmpeg takes what is before a colon in a name for a protocol; and no other
    # protocol, since a file among the videos may be a playlist of addresses.
    return av.open(
        f"file:{path}",
        metadata_errors="ignore",
        options={"protocol_whitelist": "file"},
        timeout=PATIENCE,
    )


def packets(container: InputContainer) -> Iterator[av.Packet]:
    """All packets of a file that hold something."""
    try:
        for packet in container.demux():
            # Those at the end, one a stream, are empty: they would have the decoder end.
            if packet.size:
                yield packet
    except IndexError:
        # PyAV's, behind the last packet of a file with a stream that begins late, of which its
        # header does not tell.
        return


def moving(container: InputContainer, path: Path) -> av.VideoStream | None:
    """The video stream to decode: FFmpeg's choice, unless that is a still picture, such as a cover,
    and there is one that moves. None where there is no video stream."""
    streams, best = container.streams.video, container.streams.best("video")
    if best is None or len(streams) == 1:
        return best
    move = with_two_packets(path, best)

    def merits(stream: av.VideoStream) -> tuple[bool, ...]:
        decodes, default = (
            stream.codec_context is not None,
            stream.disposition & Disposition.default,
        )
        return stream.index in move, decodes, stream is best, bool(default)

    return max(streams, key=merits)


def with_two_packets(path: Path, best: av.VideoStream) -> set[int]:
    """The numbers of a file's video streams that have more than one packet. The search ends where
    `best` is one of them and can be decoded."""
    counts: Counter[int] = Counter()
    with container_of(path) as container, suppress(av.FFmpegError):
        wanted = {
            s.index for s in container.streams.video if not s.disposition & Disposition.attached_pic
        }
        for packet in packets(container):
            counts[packet.stream_index] += packet.stream_index in wanted
            if counts[best.index] > 1 and best.codec_context:
                break
    return {index for index, count in counts.items() if count > 1}


def words(error: Exception) -> str:
    """FFmpeg's own words, without its number and once more the path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def rate_of(stream: av.VideoStream) -> Fraction:
    return stream.average_rate or UNKNOWN_RATE


def frame_rate(path: Path) -> Fraction:
    """Frames a second. Raises UnreadableVideoError."""
    with opened(path) as (_, stream):
        return rate_of(stream)


def announced_frames(path: Path, fps: float | None) -> int:
    """Frames of a video by its header, thinned to `fps` frames a second where that is given; 0
    where the header does not say. Raises UnreadableVideoError where it can't be opened."""
    with opened(path) as (container, stream):
        rate = float(rate_of(stream))
        unit = stream.time_base or 0
        by_stream = round(float((stream.duration or 0) * unit) * rate)
        by_file = round((container.duration or 0) / av.time_base * rate)
        # The header of a file that was written in fragments counts the frames of the first alone.
        frames = max(announced_by(container, stream, path).frames, by_stream)
        if container.format.name.startswith("mov") and b"moof" in path_beginning(path):
            frames = 0
        elif not frames:  # of all that the file holds
            frames = by_file
    return resampled(frames, rate, fps)


def path_beginning(path: Path) -> bytes:
    """As much of a file as holds the header and the first fragment of most."""
    with path.open("rb") as file:
        return file.read(2**20)


def resampled(frames: int, rate: float, fps: float | None) -> int:
    """Frames that are left of `frames` at `rate` a second when they are thinned to `fps`."""
    return frames if fps is None or fps >= rate else math.ceil(frames * fps / rate)


def decode(
    path: Path, size: tuple[int, int] | None, fps: float | None = None
) -> Iterator[np.ndarray]:
    """Yields the frames of a video upright, (H, W, 3) uint8 RGB, resized to `size` (H, W) where
    given; else a change of their size ends the video. `fps`, and what is raised: see
    `kept_frames`."""
    shape = None
    for frame in kept_frames(path, fps):
        image = upright(frame, size)
        shape = shape or image.shape
        if image.shape != shape:
            raise UnreadableVideoError(
                f"its frames change from {shape[1]}x{shape[0]} to "
                f"{image.shape[1]}x{image.shape[0]} pixels"
            )
        yield image


def kept_frames(path: Path, fps: float | None) -> Iterator[av.VideoFrame]:
    """Yields the frames of a video that are stored, as FFmpeg gives them.

    With `fps`, a frame is left out where it comes sooner than 1/fps seconds after the last one
    due, so a video of a higher rate is thinned to that rate and one of a lower rate stays as it
    is. What can't be decoded is skipped. Raises UnreadableVideoError at the end where anything was
    lost or there are no frames, or at the point from which nothing can be read.
    """
    with opened(path) as (container, stream):
        announced = announced_by(container, stream, path)
        clock, tally, extent = Clock(container, stream), Tally(), Extent()
        due = 0
        for frame in decoded(container, stream, tally, extent):
            clock.tell(frame)
            if fps is not None:
                if clock.tick(fps) < due:
                    continue
                due = clock.tick(fps) + 1
            yield frame
        if problem := tally.problem(announced, extent, clock.step):
            raise UnreadableVideoError(problem)


def decoded(
    container: InputContainer, stream: av.VideoStream, tally: Tally, extent: Extent
) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded, behind packets that can't, too."""
    for packet in chain(packets(container), [None]):  # None has it give what it holds back
        if packet is not None:
            extent.see(packet)
            if packet.stream_index != stream.index:
                continue
            tally.packets += 1
            tally.hidden += packet.is_discard
            tally.corrupt += packet.is_corrupt
        try:
            frames = stream.codec_context.decode(packet)
        except av.FFmpegError as error:
            tally.reason = tally.reason or words(error)
            tally.lost += 1
            tally.lost_in_a_row += 1
            if tally.lost_in_a_row == MOST_ERRORS:
                return
            continue
        for frame in frames:
            tally.lost_in_a_row = 0
            tally.frames += 1
            tally.damaged += frame.is_corrupt
            yield frame


def upright(frame: av.VideoFrame, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W, 3) uint8 RGB, resized to `size` (H, W) where given, and turned or mirrored as the
    file says: a phone stores what its sensor sees, and how it was held."""
    (a, b), (c, d) = orientation(frame)
    lying = abs(b) > abs(a)  # the frame's rows are the picture's columns
    height, width = (size[::-1] if lying else size) if size else (None, None)
    # One thread, since more take longer for all but the largest frames.
    image = frame.to_ndarray(
        format="rgb24", width=width, height=height, interpolation="AREA", threads=1
    )
    if lying:
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def orientation(frame: av.VideoFrame) -> np.ndarray:
    """(2, 2): takes (x, y) of a frame, from the left, to that of the picture: [[1, 0], [0, 1]]
    where it is upright. Only the signs and which are larger count."""
    data = frame.side_data.get(SideData.DISPLAYMATRIX)
    if data is None:
        return np.eye(2, dtype=int)
    return np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2].astype(int)
