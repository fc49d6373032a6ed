"""Ctrl-C, which is to end a command at whatever it is."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""Exit status of what Ctrl-C has ended, as shells have it."""

_came = False


def listen() -> None:
    """Has Ctrl-C raise KeyboardInterrupt in `interruptible` blocks; where the shell has started the
    command in the background, and so without it, it stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def _note(_number: int, _frame: FrameType | None) -> None:
    global _came
    _came = True
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt for whatever error ends the block after Ctrl-C: libraries that are
    interrupted may raise errors of their own, as some do while they are imported."""
    try:
        yield
    except BaseException:
        if _came:
            raise KeyboardInterrupt from None
        raise
