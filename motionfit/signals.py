"""Signals that ask a program to stop: from a scheduler that needs the machine, `kill` or Ctrl-C."""

import signal
import threading
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""SIGTERM ends a job. Schedulers can be told to send SIGUSR1 as a warning before that."""


class StopRequest:
    """Within this context, the first stop signal is only recorded, and the program decides when to
    stop. A second signal has its usual effect."""

    def __init__(self) -> None:
        self.name: str | None = None
        """Name of the signal that arrived; None until one does."""

    def __enter__(self) -> "StopRequest":
        self._previous_handlers = {}
        if threading.current_thread() is threading.main_thread():
            self._previous_handlers = {
                number: signal.signal(number, self._record) for number in STOP_SIGNALS
            }
        return self

    def __exit__(self, *_: object) -> None:
        self._restore_handlers()

    def _record(self, number: int, _frame: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
