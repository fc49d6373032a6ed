"""What lies in a folder of videos, and how they are, as short texts."""

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from motionfit.datasets.files import scan_videos
from motionfit.errors import MotionFitError


@cache
def listing(folder: Path) -> str:
    """A hash of the ids of all videos below a folder: another one when a video is added, removed or
    renamed. '' where there are none, of which indexing complains."""
    try:
        videos = scan_videos(folder)
    except MotionFitError:
        return ""
    return _digest(videos)


def state(videos: Iterable[tuple[str, str]]) -> str:
    """A hash of videos, each an id and a path: of the ids, sizes and dates of the files; of a file
    that is not there, of the id. Where the folder is does not count."""
    parts = []
    for video, path in videos:
        try:
            found = os.stat(path)  # noqa: PTH116 - a path object a video would take as long again
            parts.append(f"{video}\0{found.st_size}\0{found.st_mtime_ns}")
        except OSError:
            parts.append(video)
    return _digest(parts)


def _digest(texts: Iterable[str]) -> str:
    joined = "\0".join(texts).encode(errors="surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:16]
