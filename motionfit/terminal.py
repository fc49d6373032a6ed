"""What is printed: where a person looks while a stage writes its log to a file, and what becomes of
it where nobody reads it any more."""

import io
import os
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


class ReaderGone(BaseException):
    """Nobody reads standard output any more: the pipe that it goes to is closed, as `head` does."""


def open_streams() -> None:
    """Has standard output raise ReaderGone where its reader has gone, and no BrokenPipeError, which
    a file that a command writes may raise too; messages for a reader who has gone are dropped."""
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
    """A standard stream of the system."""

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
