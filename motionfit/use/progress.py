"""Works through videos one after the other, with a progress bar on a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from motionfit.errors import MotionFitError
from motionfit.terminal import terminal


class VideoProgress:
    """A progress bar over videos on the terminal. It is not shown in a file or a pipe."""

    def __init__(self, videos: int):
        console = Console(file=terminal())
        # Output goes to standard output, not through the bar.
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=videos)

    def reached(self, seconds: float) -> None:
        """Shows how far into the current video the work is."""
        self._bar.update(self._task, description=f"{self._name} {seconds:.0f} s")

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hides the bar while something is printed."""
        self._bar.stop()
        yield
        if not self._bar.disable:
            self._bar.start()

    def through(self, videos: Sequence[Path], work: Callable[[Path], None]) -> bool:
        """Does the `work` on each video. A MotionFitError is printed, and the others go on. Returns
        whether all succeeded."""
        failed = False
        with self._bar:
            for video in videos:
                self._name = video.name
                self._bar.update(self._task, description=video.name)
                try:
                    work(video)
                except MotionFitError as error:
                    failed = True
                    with self.hidden():
                        print(f"error: {error}", file=sys.stderr)
                self._bar.advance(self._task)
        return not failed
