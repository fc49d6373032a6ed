"""Lets Ctrl-C end a command at any point."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""Exit status of a command that Ctrl-C has ended, by the convention of shells."""

_interrupted = False


def listen() -> None:
    """Makes Ctrl-C raise KeyboardInterrupt in `interruptible` blocks. A command that a shell has
    started in the background, where Ctrl-C is ignored, continues to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt for any error that ends the block after Ctrl-C, since an interrupted
    library may raise another error, for example while it is imported."""
    try:
        yield
    except BaseException:
        if _interrupted:
            raise KeyboardInterrupt from None
        raise
