"""Hashes of the videos in a folder and of the states of their files."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from motionfit.datasets.files import scan_videos
from motionfit.digests import digest
from motionfit.errors import MotionFitError

SAMPLED = 2**16
"""Bytes read at each of three places of a file, to recognise it."""


@cache
def listing(folder: Path) -> str:
    """A hash of the ids of all videos below a folder, which changes when a video is added, removed
    or renamed. '' if there are no videos, which indexing reports."""
    try:
        videos = scan_videos(folder)
    except MotionFitError:
        return ""
    return digest(*videos)


@dataclass(frozen=True)
class Seen:
    """State of a video file when it was read."""

    size: int
    """Size in bytes."""
    date: int
    """Date of the last change, in nanoseconds."""
    digest: str
    """Hash of samples of the content (see `sample_digest`)."""

    @classmethod
    def now(cls, path: str) -> "Seen":
        """The present state of a file. Raises OSError if the file can't be read."""
        status = os.stat(path)  # noqa: PTH116
        return cls(status.st_size, status.st_mtime_ns, sample_digest(path, status.st_size))

    def is_of(self, size: int, path: str) -> bool:
        """Whether the file at `path`, of `size` bytes, has this content. Raises OSError if the file
        can't be read."""
        return size == self.size and sample_digest(path, size) == self.digest


def sample_digest(path: str, size: int) -> str:
    """A hash of the beginning, the middle and the end of a file. Reading all files of a data set
    completely would take too long."""
    sampled = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123
        for place in (0, size // 2, max(size - SAMPLED, 0)):
            file.seek(place)
            sampled.update(file.read(SAMPLED))
    return sampled.hexdigest()[:16]


def seen_path(frames: Path) -> Path:
    """The file with the states of a shard's videos when they were read."""
    return frames.with_suffix(".videos.json")


def read_seen(frames: Path) -> dict[str, Seen]:
    """The states of a shard's videos when they were read, by id. Empty if the file is missing or
    damaged."""
    try:
        values = json.loads(seen_path(frames).read_bytes())
        return {video: Seen(**value) for video, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def state(videos: Iterable[tuple[str, str]], known: Mapping[str, Seen] | None = None) -> str:
    """A hash of the ids of videos and the sizes and dates of their files.

    `videos` are pairs of an id and a path. If a file is missing, the hash contains the id alone.
    The folder of the videos does not count.

    `known` are earlier states of some of the videos. If only the date of a file has changed since
    then, and its `sample_digest` is the same, the hash contains the earlier date.
    """
    parts = []
    for video, path in videos:
        try:
            status = os.stat(path)  # noqa: PTH116 - a path object per video would double the time
            before = (known or {}).get(video)
            date = status.st_mtime_ns
            if before and before.date != date and before.is_of(status.st_size, path):
                date = before.date
            parts.append(f"{video}\0{status.st_size}\0{date}")
        except OSError:
            parts.append(video)
    return digest(*parts)
