"""The streams of the terminal: they stay available while a stage writes its log to a file, and a
closed pipe ends a command quietly."""

import io
import os
import sys
from typing import TextIO

_stream: TextIO | None = None


def terminal() -> TextIO:
    """The stream for progress and warnings: standard error as it was when the program started."""
    return _stream or sys.stderr


def set_terminal(stream: TextIO | None) -> None:
    """Sets the stream of the terminal while standard error goes elsewhere. None restores standard
    error."""
    global _stream
    _stream = stream


class ReaderGone(BaseException):
    """The reader of standard output has closed its pipe, as `head` does."""


def open_streams() -> None:
    """Replaces standard output and standard error by streams that handle a closed pipe.

    Standard output raises ReaderGone instead of BrokenPipeError, which a file that a command writes
    may raise too. Standard error drops its messages.
    """
    sys.stdout = _opened(1, sys.stdout, raises=True)
    sys.stderr = _opened(2, sys.stderr, raises=False)


def _opened(number: int, before: TextIO | None, raises: bool) -> TextIO:
    if before is None:  # closed before the program started
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    output = _Output(number, raises)
    unbuffered = isinstance(before.buffer, io.RawIOBase)  # as with PYTHONUNBUFFERED
    return io.TextIOWrapper(
        output if unbuffered else io.BufferedWriter(output),
        before.encoding,
        before.errors,
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )


class _Output(io.FileIO):
    """A standard stream, by its file descriptor."""

    def __init__(self, number: int, raises: bool):
        super().__init__(number, "w", closefd=False)
        self._raises = raises
        self._gone = False

    def write(self, data: memoryview) -> int | None:
        if not self._gone:
            try:
                return super().write(data)
            except BrokenPipeError:
                self._gone = True
                if self._raises:
                    raise ReaderGone from None
        return len(data)
