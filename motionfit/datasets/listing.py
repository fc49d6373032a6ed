"""What lies in a folder of videos, and how they are, as short texts."""

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
"""Bytes that are read at each of three places of a file to know it again."""


@cache
def listing(folder: Path) -> str:
    """A hash of the ids of all videos below a folder: another one when a video is added, removed or
    renamed. '' where there are none, of which indexing complains."""
    try:
        videos = scan_videos(folder)
    except MotionFitError:
        return ""
    return digest(*videos)


@dataclass(frozen=True)
class Seen:
    """How a video was when it was read."""

    size: int
    """Bytes."""
    date: int
    """Of its last change, in nanoseconds."""
    digest: str
    """See `sample_digest`."""

    @classmethod
    def now(cls, path: str) -> "Seen":
        """Raises OSError where the file can't be read."""
        found = os.stat(path)  # noqa: PTH116
        return cls(found.st_size, found.st_mtime_ns, sample_digest(path, found.st_size))

    def is_of(self, size: int, path: str) -> bool:
        """Whether a file of a size is this one. Raises OSError where it can't be read."""
        return size == self.size and sample_digest(path, size) == self.digest


def sample_digest(path: str, size: int) -> str:
    """A hash of the beginning, the middle and the end of a file, since to read all of a data set
    takes long."""
    sampled = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123
        for place in (0, size // 2, max(size - SAMPLED, 0)):
            file.seek(place)
            sampled.update(file.read(SAMPLED))
    return sampled.hexdigest()[:16]


def seen_path(frames: Path) -> Path:
    """Where it stands how the videos of a shard of frames were when they were read."""
    return frames.with_suffix(".videos.json")


def read_seen(frames: Path) -> dict[str, Seen]:
    """How the videos of a shard of frames were when they were read, by id; of none where nothing
    tells."""
    try:
        values = json.loads(seen_path(frames).read_bytes())
        return {video: Seen(**value) for video, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def state(videos: Iterable[tuple[str, str]], known: Mapping[str, Seen] | None = None) -> str:
    """A hash of videos, each an id and a path: of the ids, sizes and dates of the files; of a file
    that is not there, of the id. Where the folder is does not count.

    known: how some of them were when they were read. One whose date alone has changed since, and
    that is the same as far as `sample_digest` tells, counts by its date of then.
    """
    parts = []
    for video, path in videos:
        try:
            found = os.stat(path)  # noqa: PTH116 - a path object a video would take as long again
            before = (known or {}).get(video)
            date = found.st_mtime_ns
            if before and before.date != date and before.is_of(found.st_size, path):
                date = before.date
            parts.append(f"{video}\0{found.st_size}\0{date}")
        except OSError:
            parts.append(video)
    return digest(*parts)
