"""Writes result files so that a reader never sees an incomplete one, however the writer ends."""

import errno
import glob
import json
import os
import re
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motionfit.errors import MotionFitError

HOST = socket.gethostname()
WRITER = re.compile(rf"\.{re.escape(HOST)}\.(\d+)\.tmp$")
"""End of a temporary file's name: this machine and the id of the process that writes the file."""
REFUSED = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EROFS: "mount the disk for writing",
}
"""Errors of a system that refuses to write, mapped to what the user can do."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and renames it to `path` when the block succeeds.

    `path` is therefore either the old file or the complete new one, even after a power cut. The
    temporary files that killed writers of `path` left on this machine are removed.

    Raises MotionFitError if the block fails because the system refuses to write.
    """
    temporary = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left_behind(path.parent, glob.escape(path.name))
        yield temporary
        flush(temporary)
        temporary.replace(path)
    except (OSError, RuntimeError, ValueError) as error:
        if refusal := refused(error) or refused_to_grow(temporary):
            raise cannot_write(path, refusal) from None
        raise
    finally:
        remove(temporary)


def check_writable(path: Path) -> None:
    """Raises MotionFitError if the file `path` can't be written. A missing folder is no problem,
    since it will be made."""
    if path.is_dir():
        raise MotionFitError(f"{path} is a folder: name the file to write")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise MotionFitError(f"{path} can't be written: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MotionFitError(
            f"{path} can't be written: you have no permission to write to {folder}"
        )


def cannot_write(path: Path | str, error: OSError) -> MotionFitError:
    """The error that reports that a file can't be written."""
    advice = REFUSED.get(error.errno, "fix this")
    return MotionFitError(
        f"{path} can't be written ({os.strerror(error.errno)}): {advice} and run again; finished "
        "results are kept"
    )


def refused(error: BaseException) -> OSError | None:
    """The error itself if the system refuses to write, otherwise None."""
    return error if isinstance(error, OSError) and error.errno in REFUSED else None


def refused_to_grow(path: Path) -> OSError | None:
    """The error of the system if it refuses to make a file longer, otherwise None.

    Libraries that write files (HDF5, PyTorch, NumPy) do not report that a disk is full, so this
    tries to write once more.
    """
    try:
        with path.open("ab") as file:
            file.write(bytes(2**20))
            os.fsync(file.fileno())
    except OSError as error:
        return refused(error)
    return None


def flush(path: Path) -> None:
    """Waits until a file is on the disk. Otherwise a rename could reach the disk before the content
    of the file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove_left_behind(folder: Path, names: str) -> None:
    """Removes the temporary files that killed processes left in a folder, for files whose names
    match the pattern `names`."""
    for temporary in folder.glob(f".{names}.*.tmp"):
        writer = WRITER.search(temporary.name)
        if writer and not alive(int(writer[1])):
            remove(temporary)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        return True
    return True


def remove(path: Path) -> None:
    """Removes a temporary file if it exists. A system that refuses to write is no error."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if not refused(error):
            raise


def write_json(path: Path, value: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


class DamagedError(Exception):
    """The content of a file has changed since it was written."""


def damaged(path: Path, reason: object) -> MotionFitError:
    """The error that reports that the result of a stage has changed since it was written."""
    return MotionFitError(f"{path} is damaged ({reason}): delete it and run again to recreate it")


def verify(path: Path) -> None:
    """Verifies the checksums of a zip file, PyTorch's format. Other files have no checksums.

    Raises DamagedError if a checksum does not match, and OSError if the file can't be read.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04" and not zipfile.is_zipfile(file):
            return
        try:
            with zipfile.ZipFile(file) as content:
                wrong = content.testzip()
        except Exception as error:  # a damaged file can raise nearly any exception
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise DamagedError(str(error) or type(error).__name__) from None
    if wrong:
        raise DamagedError(f"the checksum of {wrong} in it does not match")
