"""The folder that a run of the workflow is in: whether it can be written, and who else is there."""

import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import TextIO

from motionfit.errors import MotionFitError

ABOUT = Path(".snakemake")
"""Where Snakemake keeps what it knows of a run, its lock among it."""

AHEAD = 60
"""Seconds that a file's date may be in the future, where another machine's clock wrote it."""

_held: list[TextIO] = []
"""Open files whose locks are this process's until it ends, however that happens."""


def check_writable(folder: Path) -> None:
    """Makes a folder if it is not there. Raises MotionFitError where it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MotionFitError(
            f"{folder.absolute()} can't be written ({error.strerror}): mount it for writing or "
            "change who may write there, or take another folder (--directory), and run again"
        ) from None


def enter(run: Path) -> str:
    """Notes that a Snakemake is in the folder of a run, until its process ends. What is to be said
    of a lock that Snakemake has put on the folder; '' where there is none.

    Snakemake's lock is a file that a killed process leaves behind; this one is the system's.
    Raises MotionFitError where the folder can't be written.
    """
    check_writable(run / ABOUT)
    locked = any((run / ABOUT / "locks").glob("*.lock"))
    file = (run / ABOUT / "motionfit.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    except OSError:  # a file system without such locks
        return ""
    # Shared by all that are there, a dry run beside a run among them.
    fcntl.flock(file, fcntl.LOCK_SH)
    _held.append(file)
    if not locked:
        return ""
    where = run.absolute()
    if alone:
        return (
            f"the last snakemake in {where} was killed, and its lock is left. Jobs that it began "
            "may still run (`pgrep -af motionfit`, on a cluster `squeue --me`): end them, or let "
            "them end. Then take the lock away by `snakemake --unlock`, with the --directory and "
            "--configfile of the run, and run again: it goes on where it was"
        )
    return f"another snakemake runs in {where}: wait until it ends, or end it by Ctrl-C"


def redate(folder: Path) -> str:
    """Gives files of a folder whose dates are in the future the present one, in their order, and
    tells of it; '' where there are none.

    They are of a clock that was set back since. Snakemake goes by the order of dates, and would
    refuse whatever is made from them now. Videos keep theirs, which say whether one was replaced.
    """
    now = time.time_ns()
    ahead = []
    for path in folder.rglob("*"):
        if path.suffix != ".mp4" and path.is_file():
            date = path.stat().st_mtime_ns
            if date > now + AHEAD * 10**9:
                ahead.append((date, path))
    for i, (_, path) in enumerate(sorted(ahead)):
        os.utime(path, ns=(now + i, now + i))
    if not ahead:
        return ""
    return (
        f"{len(ahead)} files in {folder.absolute()} had dates in the future, so the clock was set "
        "back since they were made: they have the present date now, in their order"
    )
