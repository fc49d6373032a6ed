"""Writes the classes of videos as tables, JSON or CSV."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from motionfit.files import check_writable, replacing
from motionfit.use.cut import Cut
from motionfit.use.model import Model, Prediction
from motionfit.use.overlay import write_overlay
from motionfit.use.progress import VideoProgress
from motionfit.use.windows import check_cut

Format = Literal["table", "json", "csv"]
DIGITS = 5
"""Decimals of a probability, as in predictions.csv."""


class Writer(Protocol):
    """Writes predictions to a stream in one format."""

    def add(self, video: Path, predictions: Sequence[Prediction]) -> None:
        """Writes the predictions of one video."""

    def finish(self) -> None:
        """Writes what comes after the last video."""


class TableWriter:
    """Tables for reading: the `top` classes of each video or window."""

    def __init__(self, stream: TextIO, windows: bool, top: int):
        self._stream, self._windows, self._top = stream, windows, top

    def add(self, video: Path, predictions: Sequence[Prediction]) -> None:
        print(video, file=self._stream, flush=True)
        count = len(predictions[0].classes)
        left_out = count - self._top
        caption = (
            f"and {left_out} less probable (--top {count} shows all)" if left_out > 0 else None
        )
        table = Table(
            *(("start", "end") if self._windows else ()), "class", "probability", caption=caption
        )
        for prediction in predictions:
            times = [f"{prediction.start:.2f}", f"{prediction.end:.2f}"] if self._windows else []
            for name, probability in list(prediction.classes.items())[: self._top]:
                table.add_row(*times, escape(name), f"{probability:.3f}")
        Console(file=self._stream).print(table)

    def finish(self) -> None:
        """Does nothing: each table is complete."""


class CsvWriter:
    """One row per video or window: video, start and end (of windows), predicted, and p(CLASS), the
    probability of each class."""

    def __init__(self, stream: TextIO, windows: bool, classes: list[str]):
        self._classes, self._windows = classes, windows
        self._rows = csv.writer(stream, lineterminator="\n")
        times = ["start", "end"] if windows else []
        self._rows.writerow(["video", *times, "predicted", *(f"p({name})" for name in classes)])

    def add(self, video: Path, predictions: Sequence[Prediction]) -> None:
        for p in predictions:
            times = [round(p.start, 3), round(p.end, 3)] if self._windows else []
            values = [round(p.classes[name], DIGITS) for name in self._classes]
            self._rows.writerow([video, *times, p.best[0], *values])

    def finish(self) -> None:
        """Does nothing: each row is complete."""


class JsonWriter:
    """A list of objects, one per video or window, with the classes in falling order."""

    def __init__(self, stream: TextIO, windows: bool):
        self._stream, self._windows = stream, windows
        self._objects: list[dict] = []

    def add(self, video: Path, predictions: Sequence[Prediction]) -> None:
        for p in predictions:
            times = {"start": round(p.start, 3), "end": round(p.end, 3)} if self._windows else {}
            classes = {name: round(value, DIGITS) for name, value in p.classes.items()}
            self._objects.append({"video": str(video), **times, "classes": classes})

    def finish(self) -> None:
        print(json.dumps(self._objects, indent=2, ensure_ascii=False), file=self._stream)


def predict_videos(
    model: Model,
    videos: Sequence[Path],
    clips: int | None,
    cut: Cut | None,
    form: Format,
    top: int,
    output: Path | None,
    overlay: Path | None,
) -> bool:
    """Classifies videos and writes the result to standard output or to the file `output`.

    cut: the windows; None classifies whole videos. top: classes in a table. overlay: file to write
    the video to, with the class drawn in.

    Returns whether all videos could be read. An error line is printed for each of the others.
    """
    model.need_classes()
    if cut:
        check_cut(cut, model.about)
    for path in filter(None, (output, overlay)):
        check_writable(path)
    progress = VideoProgress(len(videos))
    with opened(output) as stream:
        writer: Writer
        if form == "csv":
            writer = CsvWriter(stream, cut is not None, model.classes)
        elif form == "json":
            writer = JsonWriter(stream, cut is not None)
        else:
            writer = TableWriter(stream, cut is not None, top)

        def work(video: Path) -> None:
            predictions = []
            for prediction in model.predictions(video, cut, clips):
                predictions.append(prediction)
                progress.reached(prediction.end)
            with progress.hidden():
                writer.add(video, predictions)
            if overlay:
                write_overlay(video, predictions, overlay)

        complete = progress.through(videos, work)
        writer.finish()
    return complete


@contextmanager
def opened(output: Path | None) -> Iterator[TextIO]:
    """A stream to standard output, or to a file that is written when the block succeeds."""
    if output is None:
        yield sys.stdout
        return
    with replacing(output) as temporary, temporary.open("w", encoding="utf-8") as stream:
        yield stream
