"""Finds the video files that a user names."""

import glob
from collections.abc import Iterable
from pathlib import Path

from motionfit.datasets.files import VIDEO_SUFFIXES, scan_videos, suffix_of
from motionfit.errors import MotionFitError


def find_videos(names: Iterable[Path]) -> list[Path]:
    """The video files that `names` stand for, each once, in the order of the names.

    A name is a file with any suffix, a folder, which is searched at any depth, or a glob pattern,
    where `**` stands for folders at any depth. Folders and patterns give only files with the suffix
    of a video, sorted.

    Raises MotionFitError if a folder or a pattern gives no video. A file that does not exist is
    returned, and reading it fails later.
    """
    found: dict[Path, None] = {}
    for name in names:
        found |= dict.fromkeys(videos_of(name))
    return list(found)


def videos_of(name: Path) -> list[Path]:
    """The video files that one name stands for. Raises MotionFitError like `find_videos`."""
    if name.is_dir():
        return [name / video for video in scan_videos(name)]
    # A file may have the characters of a pattern in its name.
    if name.exists() or not glob.has_magic(str(name)):
        return [name]
    # Path.glob takes no absolute pattern.
    matches = map(Path, sorted(glob.glob(str(name), recursive=True)))  # noqa: PTH207
    videos = [path for path in matches if suffix_of(path.name) in VIDEO_SUFFIXES and path.is_file()]
    if not videos:
        raise MotionFitError(
            f"no video matches {name}: a pattern gives files with the suffix of a video, such as "
            ".mp4; name a folder to search it"
        )
    return videos
