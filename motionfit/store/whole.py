"""Whether a video file is whole: how long its header says that it is, and how far it goes."""

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
from av.container import InputContainer

TELL_SECONDS = ("matroska", "mov", "flv", "rm", "mxf")
"""Formats whose header says how many seconds a file has, by the beginning of FFmpeg's names. Of
others FFmpeg looks at the end of the file, or divides its size by a bit rate."""


class Announced(NamedTuple):
    """How long a video is by the header of its file; 0 where the header does not say."""

    frames: int
    seconds: float
    """Of all that the file holds: sound or subtitles may be longer than the picture."""


def announced_by(container: InputContainer, stream: av.VideoStream, path: Path) -> Announced:
    """What the header of the file at `path` says of one of its streams."""
    name, frames, seconds = container.format.name, stream.frames, 0.0
    if name.startswith("mov") or (name == "avi" and not cut_off_avi(path)):
        # Frames that an edit list cuts off at the end are in a MOV file, but not in its index. An
        # AVI file of a variable rate has frames without data, as the one before stays.
        frames = min(frames, len(stream.index_entries))
    if frames > path.stat().st_size:
        frames = 0  # no number but the mark of a writer that did not know yet
    # The last frame may be shown for long, so a Matroska file with all its bytes is whole.
    if name.startswith(TELL_SECONDS) and not (name.startswith("matroska") and whole_matroska(path)):
        seconds = (container.duration or 0) / av.time_base
    return Announced(frames, seconds)


class Extent:
    """Where the packets of all streams of a file lie: what is cut off is missing in each."""

    def __init__(self) -> None:
        self._first, self._end = 0.0, 0.0

    def see(self, packet: av.Packet) -> None:
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or packet.time_base is None:
            return
        # A line of text may be shown past the cut.
        length = 0 if packet.stream.type == "subtitle" else packet.duration or 0
        begin, length = (float(n * packet.time_base) for n in (stamp, length))
        self._first = min(self._first, begin)
        self._end = max(self._end, begin + length)

    @property
    def seconds(self) -> float:
        """From the beginning of the first packet, or from 0 where that is earlier, to the end of
        the last."""
        return self._end - self._first


def cut_off_avi(path: Path) -> bool:
    """Whether an AVI file is shorter than its chunks say."""
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
    """Whether a Matroska or WebM file says its length at its beginning, and is as long."""
    with path.open("rb") as file:
        header = element_size(file, b"\x1a\x45\xdf\xa3")
        file.seek(header or 0, os.SEEK_CUR)
        segment = element_size(file, b"\x18\x53\x80\x67")
        return segment is not None and file.tell() + segment <= path.stat().st_size


def element_size(file: BinaryIO, name: bytes) -> int | None:
    """Bytes of the element of Matroska that begins here with its `name`, behind what is read; None
    where another begins, or the size is not known."""
    first = file.read(len(name) + 1)
    if len(first) <= len(name) or first[:-1] != name:
        return None
    more = 8 - first[-1].bit_length()  # zeros before the first one: how many bytes follow
    largest = 2 ** (7 * (more + 1)) - 1
    size = int.from_bytes(first[-1:] + file.read(more), "big") & largest
    return None if size == largest else size
