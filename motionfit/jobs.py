"""How a command runs: its exit status, its messages, its log and the record of its result."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cyclopts import CycloptsError, MissingArgumentError

from motionfit.errors import InterruptedTrainingError, MotionFitError
from motionfit.files import cannot_write, refused
from motionfit.interruption import INTERRUPTED, interruptible
from motionfit.records import Record
from motionfit.terminal import set_terminal, terminal

log = logging.getLogger(__name__)

Command = Callable[[], int | None]

WRONG_USE = 2
"""Exit status if the options of a command are wrong."""
RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
"""Variables in which torchrun, srun and a training itself give the rank of a process."""
LAST_LINES = 20
"""Lines of its log that a failing command shows."""


def attempt(command: Command) -> tuple[int, str]:
    """Runs a command. Returns its exit status and, for an error that the user can fix, one
    message."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    try:
        with interruptible():
            status = command() or 0
            sys.stdout.flush()  # so that printed text comes before what is logged next
        return status, ""
    except CycloptsError as error:
        return WRONG_USE, f"error: {wrong_use(error)}\n"
    except InterruptedTrainingError as error:
        return INTERRUPTED, f"{error}\n"
    except MotionFitError as error:
        return 1, f"error: {error}\n"
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        advice = "use smaller sizes, or give the job more memory"
        return 1, f"error: there is not enough memory{reason}: {advice}\n"
    except OSError as error:
        # If a file may not be read, the system's message names it. If a disk is full, it may not.
        if refused(error):
            error = cannot_write(error.filename or "the output", error)
        return 1, f"error: {error}\n"


def wrong_use(error: CycloptsError) -> str:
    """What is wrong with a command line. Cyclopts says the same of an option that is left out as of
    one without its value."""
    if isinstance(error, MissingArgumentError) and error.argument and error.keyword is None:
        return f"{error.argument.name} is missing"
    return str(error)


def recorded(command: Command, record: Record | None) -> int | None:
    """Runs a command, and saves its record beside the result. If several processes train together,
    the first one saves it."""
    if record is None or rank() != "0":
        return command()
    record.begin()
    status = command()
    if not status:
        record.finish()
    return status


def rank() -> str:
    """The rank of this process among those of a command: "0" for the first or only one."""
    return next((os.environ[name] for name in RANKS if name in os.environ), "0")


def attempt_with_log(command: Command, file: Path) -> int:
    """Runs a command with all its output in a log, and returns its exit status.

    If several processes train together, each but the first has a log of its own beside the first
    one's. Warnings also go to the terminal. If the command fails, so do the last lines of the log,
    so that the user sees the reason.
    """
    if rank() != "0":
        file = file.with_suffix(f".process{rank()}.log")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = file.open("w", encoding="utf-8")
    except OSError as error:
        print(f"error: {cannot_write(file, error)}", file=sys.stderr)
        return 1
    streams = {number: os.dup(number) for number in (1, 2)}
    with opened:
        for number in streams:
            os.dup2(opened.fileno(), number)
    with os.fdopen(os.dup(streams[2]), "w", encoding="utf-8") as stderr:
        set_terminal(stderr)
        try:
            try:
                status, message = attempt(logged(command))
            except KeyboardInterrupt:
                with suppress(OSError):
                    os.write(2, b"interrupted\n")
                raise
            except Exception:
                status, message = 1, traceback.format_exc()
            with suppress(OSError):  # the disk may be too full for the log
                os.write(2, message.encode(errors="replace"))
        finally:
            set_terminal(None)
            for number, stream in zip(streams, (sys.stdout, sys.stderr), strict=True):
                with suppress(OSError):
                    stream.flush()
                os.dup2(streams[number], number)
                os.close(streams[number])
    if status == INTERRUPTED:
        sys.stderr.write(message)
    elif status:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        said = message.splitlines()
        if lines[len(lines) - len(said) :] != said:
            lines += said
        print(f"The last lines of {file}:", *lines[-LAST_LINES:], sep="\n", file=sys.stderr)
    return status


def logged(command: Command) -> Command:
    """Has warnings of a command also go to the terminal, and ends its log with the time it took."""
    # CPU time so far is start-up; it stands in for wall-clock time.
    begun = time.monotonic() - time.process_time()

    def run() -> int | None:
        warnings = logging.StreamHandler(terminal())
        warnings.setLevel(logging.WARNING)
        warnings.setFormatter(logging.Formatter("warning: %(message)s"))
        logger = logging.getLogger("motionfit")
        logger.addHandler(warnings)
        try:
            status = command()
        finally:
            logger.removeHandler(warnings)
        # Snakemake's own measurement, in results/benchmarks, may omit the last half minute.
        *used, _ = os.times()
        log.info("took %.1f s, and %.1f s of CPU time", time.monotonic() - begun, sum(used))
        return status

    return run
