"""Being asked to stop: by a scheduler that needs the machine, by `kill`, by Ctrl-C."""

import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""SIGTERM ends a job, SIGUSR1 is what schedulers are told to warn with."""


class StopRequest:
    """While it is entered, such a signal is noted and the program goes on until it looks; a second
    one does what it always does."""

    def __init__(self) -> None:
        self.name: str | None = None
        """The signal that came, if one did."""

    def __enter__(self) -> "StopRequest":
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
