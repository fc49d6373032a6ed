"""Checks the folder of a run: whether it can be written, and whether another run uses it."""

import fcntl
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from motionfit.errors import MotionFitError
from motionfit.files import HOST

ABOUT = Path(".snakemake")
"""Folder where Snakemake keeps its records of a run, including its lock."""

AHEAD = 60
"""Seconds that the date of a file may be in the future, since the clocks of machines differ."""

GO_ON = (
    "Its jobs may still be running (`pgrep -af motionfit`, on a cluster `squeue --me`): stop them, "
    "or wait for them. Then remove the lock with `snakemake --unlock`, with the --directory and "
    "--configfile of the run, and run again: it continues where it stopped"
)

_held: list[TextIO] = []
"""Open files whose locks this process holds until it ends, even if it is killed."""


def check_writable(folder: Path) -> None:
    """Makes a folder if it does not exist. Raises MotionFitError if it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MotionFitError(
            f"{folder.absolute()} can't be written ({error.strerror}): mount it for writing, "
            "change its permissions, or use another folder (--directory), and run again"
        ) from None


def enter(run: Path) -> str:
    """Records that this process runs Snakemake in the folder of a run, until the process ends.

    Returns a message about the lock that Snakemake has put on the folder, or '' if there is none.
    Snakemake's lock is a file that a killed process leaves behind. The lock of this module is the
    system's (flock). On some file systems of clusters it is visible on one machine only, so the
    locked file also contains the name of the machine.

    Raises MotionFitError if the folder can't be written.
    """
    check_writable(run / ABOUT)
    locked = any((run / ABOUT / "locks").glob("*.lock"))
    try:
        # "a+", since NFS requires a readable file for a shared lock and a writable one for an
        # exclusive lock.
        file = (run / ABOUT / "motionfit.lock").open("a+")
        _held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        file.seek(0)
        recorded = file.read().split()
        if alone and not locked:
            file.truncate(0)
            file.write(f"{HOST} {os.getpid()}\n")
            file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)  # shared, since a dry run is allowed beside a run
    except OSError:  # the file system has no such locks, or the file belongs to another user
        return ""
    if not locked:
        return ""
    where = run.absolute()
    if not alone:
        return f"another snakemake runs in {where}: wait until it ends, or stop it with Ctrl-C"
    if recorded and recorded[0] != HOST:
        return (
            f"a snakemake was started in {where} on {recorded[0]} (process {recorded[-1]}): check "
            "on that machine whether it still runs; if not, it was killed, and its lock is left. "
            f"{GO_ON}"
        )
    return f"the last snakemake in {where} was killed, and its lock is left. {GO_ON}"


def redate(folder: Path) -> str:
    """Sets the dates of files that are in the future to the present, and keeps their order.

    Returns a message about it, or '' if there are no such files. They appear when a clock is set
    back. Snakemake compares dates, and would reject whatever is made from these files now. Videos
    keep their dates, which show whether a video was replaced.

    Raises MotionFitError if a date can't be changed.
    """
    now = time.time_ns()
    ahead = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a temporary file was renamed in the meantime
            date = path.stat().st_mtime_ns
            if date > now and path.suffix != ".mp4" and path.is_file():
                ahead.append((date, path))
    if not any(date > now + AHEAD * 10**9 for date, _ in ahead):
        return ""
    for i, (_, path) in enumerate(sorted(ahead)):
        try:
            os.utime(path, ns=(now + i, now + i))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MotionFitError(
                f"{path} has a date in the future, which can't be changed ({error.strerror}): let "
                "its owner `touch` it, or correct the clock"
            ) from None
    return (
        f"{len(ahead)} files in {folder.absolute()} had dates in the future, since the clock was "
        "set back after they were made: they have the present date now, in the same order"
    )
