"""Decodes videos. No other module opens them for reading."""

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
"""Smallest share of the frames or of the duration in the header that a complete video has."""

UNKNOWN_RATE = Fraction(25)
"""Assumed frames per second of a video without a frame rate."""

LARGEST = 8192 * 4352
"""Largest frames that are decoded, in pixels (8K). A damaged header may contain any size, and the
decoder would allocate memory for it."""

MOST_ERRORS = 300
"""Number of consecutive packets that fail before the rest of a video is given up. For most videos,
the decoder needs fewer to find the next key frame."""

LONGEST_PAUSE = 3600.0
"""Largest time between two frames in seconds. Time stamps that are further apart are damaged."""

PATIENCE = 60.0
"""Seconds that opening a file or reading a packet may take, since a live playlist never ends."""


class UnreadableVideoError(MotionFitError):
    """A file has no frames, or some of them are lost or incomplete. The message says why."""


@dataclass
class Tally:
    """Counts of the packets and frames of a video."""

    packets: int = 0
    hidden: int = 0
    """Packets that the file marks as not shown, as in a trimmed video."""
    corrupt: int = 0
    """Packets that are marked as damaged, or cut off by the end of the file."""
    lost: int = 0
    """Packets that the decoder rejects."""
    lost_in_a_row: int = 0
    reason: str = ""
    """Why the first lost packet was rejected."""
    frames: int = 0
    damaged: int = 0
    """Frames of which the decoder guesses a part."""

    def problem(self, announced: Announced, extent: Extent, step: float) -> str:
        """What is missing in a video, or '' if it is complete. `step` is the time between its last
        two frames in seconds."""
        problems = []
        if self.lost:
            problems.append(
                f"{self.lost} of its {self.packets} packets can't be decoded ({self.reason})"
            )
        if self.corrupt:
            problems.append(f"{self.corrupt} of its {self.packets} packets are corrupt")
        if self.damaged:
            problems.append(f"{self.damaged} of its {self.frames} frames are damaged")
        # Some formats end without an error if the file was cut off. Headers may be wrong by a few
        # frames, so only a larger loss counts. Packets are counted instead of frames, since some
        # packets give no frame: a field, or a packet that repeats the previous frame.
        frames = announced.frames
        if frames and self.packets < COMPLETE * frames:
            problems.append(f"only {self.frames} of its {frames - self.hidden} frames come out")
        elif not self.frames:
            problems.append("it has no frames")
        elif not frames and extent.seconds + max(step, 1) < COMPLETE * announced.seconds:
            problems.append(
                f"it ends after {extent.seconds:.1f} of its {announced.seconds:.1f} seconds"
            )
        return "; ".join(problems)


class Clock:
    """Tells when the frames of a stream are shown, by their time stamps.

    The time stamps of a damaged file may jump or be missing. The clock therefore adds the steps
    between frames, and replaces an impossible step by `1 / rate` seconds.
    """

    def __init__(self, container: InputContainer, stream: av.VideoStream):
        self._unit = float(stream.time_base or 0)
        self.usual_step = float(1 / rate_of(stream))
        # AVI has decoding times only. As presentation times, they would belong to other frames.
        self._decoding = container.format.name == "avi"
        self._last: int | None = None
        self.seconds = -self.usual_step
        """Seconds since the first frame."""
        self.step = self.usual_step
        """Seconds since the previous frame."""

    def tell(self, frame: av.VideoFrame) -> None:
        """Advances the clock to the next frame."""
        stamp = frame.dts if self._decoding or frame.pts is None else frame.pts
        self.step = self.usual_step
        if stamp is not None and self._last is not None:
            step = (stamp - self._last) * self._unit
            if 0 < step < LONGEST_PAUSE:
                self.step = step
        self.seconds += self.step
        self._last = stamp

    def tick(self, fps: float) -> int:
        """The index of the last tick, at `fps` ticks per second. A tolerance of half a frame allows
        for rounded time stamps."""
        return math.floor((self.seconds + min(self.step, self.usual_step) / 2) * fps)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """Opens a video file and yields it with the stream to decode.

    Raises UnreadableVideoError if there is no such stream, and for all errors of FFmpeg in the
    block.
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
            # With one thread per frame, the decoder drops the last frames if one of them is
            # damaged. The job of a shard has one core anyway.
            stream.codec_context.thread_count = 1
            yield container, stream
    except av.error.ExitError:
        raise UnreadableVideoError(f"no data for {PATIENCE:g} seconds") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideoError(words(error)) from None


def container_of(path: Path) -> InputContainer:
    """Opens a video file. Raises the errors of FFmpeg."""
    # Some HMDB51 files have metadata that is not UTF-8, but can be decoded. "file:", since FFmpeg
    # reads the part of a name before a colon as a protocol. No other protocol is allowed, since a
    # file may be a playlist of addresses.
    return av.open(
        f"file:{path}",
        metadata_errors="ignore",
        options={"protocol_whitelist": "file"},
        timeout=PATIENCE,
    )


def packets(container: InputContainer) -> Iterator[av.Packet]:
    """Yields all packets of a file that are not empty."""
    try:
        for packet in container.demux():
            # At the end, each stream has an empty packet, which would make the decoder stop.
            if packet.size:
                yield packet
    except IndexError:
        # PyAV raises it after the last packet if a file has a stream that begins late and is not
        # in the header.
        return


def moving(container: InputContainer, path: Path) -> av.VideoStream | None:
    """The video stream to decode: FFmpeg's choice, unless that is a still picture, such as a cover,
    and there is a moving one. None if there is no video stream."""
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
    """The indices of the video streams that have more than one packet. The search ends as soon as
    `best` is one of them, if it can be decoded."""
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
    """FFmpeg's message, without the error number and the path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def rate_of(stream: av.VideoStream) -> Fraction:
    """Frames per second of a stream."""
    return stream.average_rate or UNKNOWN_RATE


def frame_rate(path: Path) -> Fraction:
    """Frames per second of a video. Raises UnreadableVideoError."""
    with opened(path) as (_, stream):
        return rate_of(stream)


def announced_frames(path: Path, fps: float | None) -> int:
    """Number of frames of a video according to its header, or 0 if the header has none. With `fps`,
    the number that remains at this rate.

    Raises UnreadableVideoError if the file can't be opened.
    """
    with opened(path) as (container, stream):
        rate = float(rate_of(stream))
        unit = stream.time_base or 0
        by_stream = round(float((stream.duration or 0) * unit) * rate)
        by_file = round((container.duration or 0) / av.time_base * rate)
        # The header of a fragmented file counts the frames of the first fragment only.
        frames = max(announced_by(container, stream, path).frames, by_stream)
        if container.format.name.startswith("mov") and b"moof" in path_beginning(path):
            frames = 0
        elif not frames:  # the duration of the whole file
            frames = by_file
    return resampled(frames, rate, fps)


def path_beginning(path: Path) -> bytes:
    """The first bytes of a file, enough for the header and the first fragment of most files."""
    with path.open("rb") as file:
        return file.read(2**20)


def resampled(frames: int, rate: float, fps: float | None) -> int:
    """Number of frames that remain if `frames` frames at `rate` per second are thinned to `fps`."""
    return frames if fps is None or fps >= rate else math.ceil(frames * fps / rate)


def decode(
    path: Path, size: tuple[int, int] | None, fps: float | None = None
) -> Iterator[np.ndarray]:
    """Yields the upright frames of a video, (H, W, 3) uint8 RGB.

    With `size` (H, W), they are resized. Without it, a change of the frame size ends the video with
    UnreadableVideoError. For `fps` and other errors, see `kept_frames`.
    """
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
    """Yields the frames of `timed_frames` without their times. Raises the same errors."""
    for _, frame in timed_frames(path, fps):
        yield frame


def timed_frames(path: Path, fps: float | None) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields the frames of a video that are kept, as FFmpeg returns them, each after its time in
    seconds since the first frame.

    With `fps`, at most one frame per tick of 1/fps seconds is kept, so that a video with a higher
    rate is thinned to this rate, and one with a lower rate keeps all frames. Data that can't be
    decoded are skipped.

    Raises UnreadableVideoError at the end if there are no frames or some are lost, or at the point
    where reading fails.
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
            yield clock.seconds, frame
        if problem := tally.problem(announced, extent, clock.step):
            raise UnreadableVideoError(problem)


def decoded(
    container: InputContainer, stream: av.VideoStream, tally: Tally, extent: Extent
) -> Iterator[av.VideoFrame]:
    """Yields all frames that can be decoded, including those after packets that can't."""
    for packet in chain(
        packets(container), [None]
    ):  # None makes the decoder return its last frames
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
    """The frame as (H, W, 3) uint8 RGB, rotated or mirrored as the file says, and resized to `size`
    (H, W) if given. A phone stores the image of its sensor, and how it was held."""
    (a, b), (c, d) = orientation(frame)
    lying = abs(b) > abs(a)  # rows of the frame are columns of the picture
    height, width = (size[::-1] if lying else size) if size else (None, None)
    # One thread, since more threads take longer for all but the largest frames.
    image = frame.to_ndarray(
        format="rgb24", width=width, height=height, interpolation="AREA", threads=1
    )
    if lying:
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def orientation(frame: av.VideoFrame) -> np.ndarray:
    """The matrix (2, 2) that maps (x, y) of a frame, as a row vector, to the shown picture. It is
    the identity for an upright frame. Only the signs and the larger elements matter."""
    data = frame.side_data.get(SideData.DISPLAYMATRIX)
    if data is None:
        return np.eye(2, dtype=int)
    return np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2].astype(int)
