"""Writing result files so that a reader never sees half of one, whatever ends the writer."""

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
"""The end of a temporary file's name: the process of this machine that writes it."""
REFUSED = {
    errno.ENOSPC: "free some",
    errno.EDQUOT: "free some",
    errno.EROFS: "mount it for writing",
}
"""What a system says that will not write, and what to do then."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`, and renames it to `path` when the block ends well: so
    `path` is the old file or all of the new one, even after a power cut. Temporary files of writers
    of `path` that were killed on this machine are removed.

    Raises MotionFitError where the block fails since the system will not write.
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


def cannot_write(path: Path | str, error: OSError) -> MotionFitError:
    """The message that a file can't be written."""
    cure = REFUSED.get(error.errno, "mend that")
    return MotionFitError(
        f"{path} can't be written ({os.strerror(error.errno)}): {cure} and run again; what was "
        "finished before is kept"
    )


def refused(error: BaseException) -> OSError | None:
    """The error, if it says that the system will not write."""
    return error if isinstance(error, OSError) and error.errno in REFUSED else None


def refused_to_grow(path: Path) -> OSError | None:
    """What the system says of a file that can't be longer. Libraries that write files (HDF5,
    PyTorch, NumPy) fail on a full disk without a word of it, so it is asked again."""
    try:
        with path.open("ab") as file:
            file.write(bytes(2**20))
            os.fsync(file.fileno())
    except OSError as error:
        return refused(error)
    return None


def flush(path: Path) -> None:
    """Waits until a file is on the disk: a rename may come there before what it renames."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove_left_behind(folder: Path, names: str) -> None:
    """Removes the temporary files of processes that were killed while they wrote files of a folder
    whose names match the pattern."""
    for left in folder.glob(f".{names}.*.tmp"):
        writer = WRITER.search(left.name)
        if writer and not alive(int(writer[1])):
            remove(left)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def remove(path: Path) -> None:
    """Removes a temporary file, if it is there and the system lets it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if not refused(error):
            raise


def write_json(path: Path, value: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


class DamagedError(Exception):
    """A file is not as it was written."""


def damaged(path: Path, what: object) -> MotionFitError:
    """The message that a file which a stage makes is not as it was written."""
    return MotionFitError(f"{path} is damaged ({what}): delete it and run again to make it anew")


def verify(path: Path) -> None:
    """Looks at the checksums of a zip file, as PyTorch writes; a file of another kind has none.

    Raises DamagedError where one is another, and OSError where the file can't be read.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04" and not zipfile.is_zipfile(file):
            return
        try:
            with zipfile.ZipFile(file) as content:
                wrong = content.testzip()
        except Exception as error:  # a damaged one raises nearly anything
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise DamagedError(str(error) or type(error).__name__) from None
    if wrong:
        raise DamagedError(f"{wrong} in it has another checksum")
