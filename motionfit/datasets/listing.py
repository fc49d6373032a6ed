"""What lies in a folder of videos, as one short text."""

import hashlib
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
    return hashlib.sha256("\0".join(videos).encode()).hexdigest()[:16]
