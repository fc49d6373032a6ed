"""The folder that a run of the workflow is in: whether it can be written, and who else is there."""

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
"""Where Snakemake keeps what it knows of a run, its lock among it."""

AHEAD = 60
"""Seconds that a file's date may be in the future, where another machine's clock wrote it."""

GO_ON = (
    "Jobs that it began may still run (`pgrep -af motionfit`, on a cluster `squeue --me`): end "
    "them, or let them end. Then take the lock away by `snakemake --unlock`, with the "
    "--directory and --configfile of the run, and run again: it goes on where it was"
)

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

    Snakemake's lock is a file that a killed process leaves behind; this one is the system's, which
    on some file systems of clusters holds on one machine only, so the machine is noted in it.
    Raises MotionFitError where the folder can't be written.
    """
    check_writable(run / ABOUT)
    locked = any((run / ABOUT / "locks").glob("*.lock"))
    try:
        file = (run / ABOUT / "motionfit.lock").open("a+")  # NFS wants both for a shared lock
        _held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        file.seek(0)
        noted = file.read().split()
        if alone and not locked:
            file.truncate(0)
            file.write(f"{HOST} {os.getpid()}\n")
            file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)  # of all that are there, a dry run beside a run among them
    except OSError:  # without such locks, or another user's
        return ""
    if not locked:
        return ""
    where = run.absolute()
    if not alone:
        return f"another snakemake runs in {where}: wait until it ends, or end it by Ctrl-C"
    if noted and noted[0] != HOST:
        return (
            f"a snakemake was started in {where} on {noted[0]} (process {noted[-1]}): see there "
            f"whether it still runs; if not, it was killed, and its lock is left. {GO_ON}"
        )
    return f"the last snakemake in {where} was killed, and its lock is left. {GO_ON}"


def redate(folder: Path) -> str:
    """Gives files of a folder whose dates are in the future the present one, in their order, and
    tells of it; '' where there are none.

    They are of a clock that was set back since. Snakemake goes by the order of dates, and would
    refuse whatever is made from them now. Videos keep theirs, which say whether one was replaced.
    """
    now = time.time_ns()
    ahead = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a temporary one has got its name meanwhile
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
                f"{path} has a date in the future, which can't be changed ({error.strerror}): have "
                "its owner `touch` it, or set the clock right"
            ) from None
    return (
        f"{len(ahead)} files in {folder.absolute()} had dates in the future, so the clock was set "
        "back since they were made: they have the present date now, in their order"
    )
