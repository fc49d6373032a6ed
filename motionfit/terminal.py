"""Where a person looks while a stage writes its log to a file."""

import sys
from typing import TextIO

_stream: TextIO | None = None


def terminal() -> TextIO:
    """The stream for progress and warnings: standard error as it was when the program started."""
    return _stream or sys.stderr


def set_terminal(stream: TextIO | None) -> None:
    """Says that standard error no longer goes there; None: it does again."""
    global _stream
    _stream = stream
