"""Verifies the checksums of the files of a run, for example before a run of weeks uses them, or
after they were copied."""

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
"""Suffixes of frames, flow and features, and of models and checkpoints."""


def check(paths: Iterable[Path]) -> list[MotionFitError]:
    """Verifies files, and all files below folders, that have checksums. Returns an error for each
    damaged file.

    Raises MotionFitError if a path is missing or contains no file with checksums.
    """
    files = sorted({file for path in paths for file in files_of(path)})
    log.info("%d files", len(files))
    errors = []
    for file in files:
        try:
            check_model(file) if file.suffix == ".pt" else check_shard(file)
        except MotionFitError as error:
            if file.exists():  # otherwise a training has just removed an old checkpoint
                errors.append(error)
        except FileNotFoundError:
            continue
    return errors


def files_of(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise MotionFitError(f"{path} is missing: give files, or folders such as a run's results")
    files = [path] if path.is_file() else [f for s in SUFFIXES for f in path.rglob(f"[!.]*{s}")]
    if not files or files[0].suffix not in SUFFIXES:
        raise MotionFitError(
            f"{path} contains no shard and no model: their names end in {' and '.join(SUFFIXES)}"
        )
    yield from files


def check_shard(path: Path) -> None:
    """Raises MotionFitError if a file of frames, flow or features is damaged."""
    kind = kind_of(path)
    if kind is None:
        read_file(path)
        return
    shards = Shards([path], kind)
    for video in shards:
        shards.read(video, 0, shards.length(video))


def check_model(path: Path) -> None:
    """Raises MotionFitError if a model or a checkpoint is damaged."""
    try:
        verify(path)
        if not zipfile.is_zipfile(path):
            raise DamagedError("it is not a model")
    except DamagedError as error:
        raise damaged(path, error) from None
