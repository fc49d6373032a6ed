"""Which GPUs are a command's own, where several commands run on a machine at a time."""

import fcntl
import logging
import os
import random
import time
from pathlib import Path
from urllib.parse import quote

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path("/tmp")
"""The one folder that all processes of a machine share, whatever TMPDIR says."""

_held: list[int] = []
"""Open files whose locks are this process's until it ends, however that happens."""


def own_gpus(count: int) -> None:
    """Leaves this process, and those that it will start, `count` GPUs that no other has taken so,
    by setting CUDA_VISIBLE_DEVICES; waits until so many are free. With 0 it sees none.

    What a scheduler or the user has set is kept where it names no more than `count`. To be called
    before CUDA is used.
    """
    if count == 0:
        os.environ[VISIBLE] = ""
    # A process that another one has started for its training has the GPUs of that one.
    elif "LOCAL_RANK" not in os.environ:
        _choose(count)
    if count:
        log.info("GPUs asked for: %d; to use: %s", count, ",".join(devices()) or "none")


def devices() -> list[str]:
    """What CUDA calls the GPUs that this process may use."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    return [str(i) for i, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def _choose(count: int) -> None:
    there = devices()
    chosen_already = VISIBLE in os.environ and len(there) <= count
    if chosen_already or len(there) < count:  # too few: for the command to complain of
        return
    waiting = False
    while len(taken := _take(there, count)) < count:
        if not waiting:
            log.info("waiting for %d of the GPUs %s, which others have", count, ",".join(there))
        waiting = True
        time.sleep(random.uniform(0.5, 1))
    os.environ[VISIBLE] = ",".join(taken)


def _take(there: list[str], count: int) -> list[str]:
    """So many of the GPUs, locked; where fewer are free none, so that nobody waits while holding
    what another waits for."""
    locked: dict[str, int] = {}
    for name in there:
        file = _open(LOCKS / f"motionfit-gpu-{quote(name, safe='')}.lock")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        locked[name] = file
        if len(locked) == count:
            _held.extend(locked.values())
            return list(locked)
    for file in locked.values():
        os.close(file)
    return []


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o444)
        os.fchmod(file, 0o444)  # other users of the machine lock it too, whatever the umask
        return file
