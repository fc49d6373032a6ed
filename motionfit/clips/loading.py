"""Loading clips in worker processes of a PyTorch DataLoader."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader

from motionfit.errors import MotionFitError
from motionfit.signals import STOP_SIGNALS

WORKER_TIMEOUT = 600
"""Seconds to wait for a batch from a worker."""


class UnreadableVideo(NamedTuple):
    """Takes the place of a sample whose clips can't be read."""

    video: str
    reason: str


def loader_options(workers: int) -> dict[str, Any]:
    """Arguments of a DataLoader with this number of workers; 0 loads in the calling process.

    Workers are spawned, not forked: a fork of a process with threads and open files may wait
    forever for a lock that none of its threads holds.
    """
    return {
        "num_workers": workers,
        "multiprocessing_context": "spawn" if workers else None,
        "timeout": WORKER_TIMEOUT if workers else 0,
        "pin_memory": torch.cuda.is_available(),
    }


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Use this while workers start, that is around `iter(loader)`.

    Ctrl-C and the signals of a scheduler reach the workers too, but the main process still needs
    them for its current batch, and ends them itself (`shut_down_workers`). Workers inherit the
    blocked signals. A signal that arrives in the meantime is delivered after the block.
    """
    # The first worker would start the resource tracker, which unblocks Ctrl-C.
    resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def shut_down_workers(loader: DataLoader) -> None:
    """Ends the persistent workers of a loader. At exit, Python would send them a signal that they
    block, and wait forever."""
    if loader._iterator is not None:
        loader._iterator._shutdown_workers()


@contextmanager
def worker_failures() -> Iterator[None]:
    """Raises MotionFitError if a worker has died or hangs."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader" not in str(error):
            raise
        raise MotionFitError(
            f"a process that reads clips has died or hangs ({str(error).splitlines()[0]}): it may "
            "be out of memory, so give the job more memory (resources, mem_mb) or fewer threads; "
            "a training continues from its last checkpoint when it runs again"
        ) from None
