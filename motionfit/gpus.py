"""Reserves GPUs for a command, so that commands that run on one machine do not share them."""

import logging
import os
import random
import time
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path("/tmp")
"""The folder that all processes of a machine share, whatever TMPDIR is."""

_held: list[FileLock] = []
"""Locks that this process holds until it ends, even if it is killed."""


def own_gpus(count: int) -> None:
    """Reserves `count` GPUs for this process and its children, by setting CUDA_VISIBLE_DEVICES.

    Waits until `count` GPUs are free. With 0, the process sees no GPU. A CUDA_VISIBLE_DEVICES that
    a scheduler or the user has set is kept if it names at most `count` GPUs. Call this before CUDA
    is used.
    """
    if count == 0:
        os.environ[VISIBLE] = ""
    # A process of a distributed training uses the GPUs that the first process has reserved.
    elif "LOCAL_RANK" not in os.environ:
        _choose(count)
    if count:
        log.info("GPUs requested: %d; used: %s", count, ",".join(devices()) or "none")


def devices() -> list[str]:
    """CUDA's names of the GPUs that this process may use."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    return [str(i) for i, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def _choose(count: int) -> None:
    available = devices()
    chosen_already = VISIBLE in os.environ and len(available) <= count
    if chosen_already or len(available) < count:  # if there are too few, the command reports it
        return
    waiting = False
    while len(taken := _take(available, count)) < count:
        if not waiting:
            log.info("waiting for %d of the GPUs %s, which are in use", count, ",".join(available))
        waiting = True
        time.sleep(random.uniform(0.5, 1))
    os.environ[VISIBLE] = ",".join(taken)


def _take(available: list[str], count: int) -> list[str]:
    """Locks `count` of the available GPUs and returns their names.

    If fewer are free, it locks none, so that no process waits while it holds a GPU that another
    process waits for.
    """
    locked: dict[str, FileLock] = {}
    for name in available:
        path = LOCKS / f"motionfit-gpu-{quote(name, safe='')}"
        # All users of the machine lock the same file, so all may open it.
        lock = FileLock(path, mode=0o666, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        locked[name] = lock
        if len(locked) == count:
            _held.extend(locked.values())
            return list(locked)
    for lock in locked.values():
        lock.release()
    return []
