"""The program: the command line, and how it exits when interrupted."""

import os
import signal
import sys
from contextlib import suppress

from motionfit.interruption import INTERRUPTED, interruptible, listen
from motionfit.terminal import ReaderGone, open_streams


def start() -> int:
    """Runs the command line and returns its exit status.

    On Ctrl-C, from the first import on, it prints one line and exits with status 130. If the reader
    of standard output has closed it, as `head` does, it exits without a message.
    """
    try:
        try:
            open_streams()
            listen()
            with interruptible():
                from motionfit.cli import main

                return main()
        finally:
            sys.stdout.flush()
    except ReaderGone:
        return 0
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end(INTERRUPTED, "interrupted")
    except OSError as error:
        end(1, f"error: {error}")


def end(status: int, message: str) -> None:
    """Exits at once. Python would first wait for threads, whose work is lost anyway."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)
    os._exit(status)


if __name__ == "__main__":
    sys.exit(start())
