"""Whether the files of a run are as they were written: all of them, before a run of weeks begins
from them or after they were copied."""

import logging
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from motionfit.errors import MotionFitError
from motionfit.files import DamagedError, damaged, verify
from motionfit.store.features import read_file
from motionfit.store.shards import Shards, kind_of

log = logging.getLogger(__name__)

SUFFIXES = (".h5", ".pt")
"""Frames, flow and features; models and checkpoints."""


def check(paths: Iterable[Path]) -> list[MotionFitError]:
    """What is wrong with the files, or with those below the folders, that have checksums.

    Raises MotionFitError where a path is missing, or holds no such file.
    """
    files = sorted({file for path in paths for file in files_of(path)})
    log.info("%d files", len(files))
    found = []
    for file in files:
        try:
            check_model(file) if file.suffix == ".pt" else check_shard(file)
        except MotionFitError as error:
            if file.exists():  # else a training has removed an old checkpoint meanwhile
                found.append(error)
        except FileNotFoundError:
            continue
    return found


def files_of(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise MotionFitError(f"there is no {path}: give files, or folders such as a run's results")
    files = [path] if path.is_file() else [f for s in SUFFIXES for f in path.rglob(f"[!.]*{s}")]
    if not files or files[0].suffix not in SUFFIXES:
        raise MotionFitError(
            f"{path} holds no shard and no model: their names end in {' and '.join(SUFFIXES)}"
        )
    yield from files


def check_shard(path: Path) -> None:
    """Raises MotionFitError where a file of frames, flow or features is not as it was written."""
    kind = kind_of(path)
    if kind is None:
        read_file(path)
        return
    shards = Shards([path], kind)
    for video in shards:
        shards.read(video, 0, shards.length(video))


def check_model(path: Path) -> None:
    """Raises MotionFitError where a model or a checkpoint is not as it was written."""
    try:
        verify(path)
        if not zipfile.is_zipfile(path):
            raise DamagedError("it is no model")
    except DamagedError as error:
        raise damaged(path, error) from None
