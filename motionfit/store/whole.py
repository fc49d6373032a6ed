"""Finds out whether a video file is complete: how long its header says that it is, and how far its
packets reach."""

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
from av.container import InputContainer

TELL_SECONDS = ("matroska", "mov", "flv", "rm", "mxf")
"""Formats whose header contains the duration of a file, by the start of FFmpeg's names. For other
formats, FFmpeg reads the end of the file or divides its size by a bit rate."""


class Announced(NamedTuple):
    """The length of a video according to the header of its file, or 0 if the header has none."""

    frames: int
    seconds: float
    """Duration of the whole file. Sound or subtitles may be longer than the picture."""


def announced_by(container: InputContainer, stream: av.VideoStream, path: Path) -> Announced:
    """Reads the length of a stream from the header of the file `path`."""
    name, frames, seconds = container.format.name, stream.frames, 0.0
    if name.startswith("mov") or (name == "avi" and not cut_off_avi(path)):
        # Frames that an edit list removes from the end are in a MOV file, but not in its index. An
        # AVI file with a variable rate has frames without data, which repeat the previous frame.
        frames = min(frames, len(stream.index_entries))
    if frames > path.stat().st_size:
        frames = 0  # a placeholder of a writer that did not know the number yet
    # The last frame may be shown for a long time, so a Matroska file that has all its bytes is
    # complete, whatever its duration.
    if name.startswith(TELL_SECONDS) and not (name.startswith("matroska") and whole_matroska(path)):
        seconds = (container.duration or 0) / av.time_base
    return Announced(frames, seconds)


class Extent:
    """The time range of the packets of all streams in a file. In a file that was cut off, the end
    is missing in all streams."""

    def __init__(self) -> None:
        self._first, self._end = 0.0, 0.0

    def see(self, packet: av.Packet) -> None:
        """Extends the range to contain a packet."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or packet.time_base is None:
            return
        # The duration of subtitles does not count, since they may be shown beyond the cut.
        length = 0 if packet.stream.type == "subtitle" else packet.duration or 0
        begin, length = (float(n * packet.time_base) for n in (stamp, length))
        self._first = min(self._first, begin)
        self._end = max(self._end, begin + length)

    @property
    def seconds(self) -> float:
        """Seconds from the start of the first packet, or from 0 if that is earlier, to the end of
        the last packet."""
        return self._end - self._first


def cut_off_avi(path: Path) -> bool:
    """Whether an AVI file is shorter than the lengths of its chunks."""
    end, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while end < size:
            file.seek(end)
            name, length = file.read(4), file.read(4)
            if name != b"RIFF":
                return False
            end += 8 + int.from_bytes(length, "little")
    return end > size


def whole_matroska(path: Path) -> bool:
    """Whether a Matroska or WebM file contains its length at the start and has at least this
    length."""
    with path.open("rb") as file:
        header = element_size(file, b"\x1a\x45\xdf\xa3")
        file.seek(header or 0, os.SEEK_CUR)
        segment = element_size(file, b"\x18\x53\x80\x67")
        return segment is not None and file.tell() + segment <= path.stat().st_size


def element_size(file: BinaryIO, name: bytes) -> int | None:
    """Number of bytes of the Matroska element `name` at the current position, after its header,
    which is read. None if another element starts here or the size is unknown."""
    first = file.read(len(name) + 1)
    if len(first) <= len(name) or first[:-1] != name:
        return None
    more = 8 - first[-1].bit_length()  # the number of leading zeros is the number of further bytes
    largest = 2 ** (7 * (more + 1)) - 1
    size = int.from_bytes(first[-1:] + file.read(more), "big") & largest
    return None if size == largest else size
