"""The program: the command line, and how it ends where somebody else ends it."""

import os
import signal
import sys
from contextlib import suppress

from motionfit.interruption import INTERRUPTED, interruptible, listen
from motionfit.terminal import ReaderGone, open_streams


def start() -> int:
    """Runs the command line: its exit status. Ctrl-C, from the first import on, is one line and
    status 130; where the reader of standard output has gone, as `head` does, there is silence."""
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
    """Ends the program at once: Python would wait for threads first, whose work is lost anyway."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)
    os._exit(status)


if __name__ == "__main__":
    sys.exit(start())
