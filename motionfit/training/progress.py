"""What is seen of a training: sums over its batches, the log, TensorBoard, a progress bar."""

import logging
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from motionfit.files import replacing, write_json
from motionfit.terminal import terminal
from motionfit.training.compute import Together
from motionfit.training.objective import Hits

Sums = dict[str, list[float]]
"""Name to the sum of a value over clips (or draws), and the number of these."""
Row = dict[str, float]
"""A row of the history: an epoch's values by their names."""

log = logging.getLogger(__name__)


class Totals:
    """Sums of an epoch, kept on the device so that no batch has to be waited for: of the loss, of
    the clips, and of what accuracies count. Of several processes each has its own share."""

    def __init__(self, device: torch.device, before: Sums | None = None):
        """`before`: the sums that an interrupted epoch had come to."""
        self._device = device
        self._sums = {
            name: torch.tensor(pair, dtype=torch.float64, device=device)
            for name, pair in (before or {"loss": [0.0, 0.0], "skipped": [0.0, 0.0]}).items()
        }

    def add(self, loss: Tensor, clips: Tensor, own_clips: int, hits: Hits) -> None:
        """`loss`: this process's share of the loss of a batch of `clips` clips, of which it had
        `own_clips`."""
        of_loss = torch.stack([loss.detach() * clips, torch.full_like(loss, own_clips)])
        for name, pair in {"loss": of_loss, **hits}.items():
            pair = pair.to(self._device, torch.float64)
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def skip(self, records: int) -> None:
        """Counts records that could not be read."""
        self._sums["skipped"] = self._sums["skipped"] + records

    def over(self, together: Together) -> Sums:
        """The sums of all processes. Waits for the device."""
        names = sorted(self._sums)
        sums = together.sum(torch.stack([self._sums[name] for name in names]).cpu())
        return dict(zip(names, sums.tolist(), strict=True))


def means(sums: Sums) -> Row:
    """Sums to the mean loss a clip, and the accuracies."""
    order = sorted(sums.keys() - {"skipped"}, key=lambda name: (name != "loss", name))
    return {name: sums[name][0] / max(sums[name][1], 1) for name in order}


class Stopwatch:
    """Seconds of an epoch, and how many of them went by while the training waited for clips."""

    def __init__(self, seconds: float = 0, waited: float = 0):
        """`seconds`, `waited`: of the part of the epoch that was done before an interruption."""
        self._before = seconds
        self.waited = waited
        self.begin()

    def begin(self) -> None:
        """The epoch, or what is left of it, begins now."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._begun

    @contextmanager
    def waiting(self) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.waited += time.monotonic() - begun


class Watch:
    """Shows a training: of several processes the first does, the others show nothing."""

    def __init__(self, folder: Path, epochs: int, after: int, shown: bool):
        """`after`: steps that were done before, whose curves are kept."""
        self._folder = folder
        self._epochs = epochs
        self._after = after
        self._shown = shown
        self._board: SummaryWriter | None = None
        console = Console(file=terminal())
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}"),
            console=console,
            transient=True,
            disable=not (shown and console.is_terminal),
        )

    def __enter__(self) -> "Watch":
        if self._shown:
            self._board = SummaryWriter(self._folder / "tensorboard", purge_step=self._after + 1)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._board:
            self._board.close()

    def begin(self, epoch: int, steps: int, first: int) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        text = f"epoch {epoch}/{self._epochs}"
        self._bar = self._progress.add_task(text, total=steps, completed=first, now="")

    def step(
        self, step: int, total_steps: int, sums: Sums, watch: Stopwatch, loss: float | None
    ) -> None:
        """`step` of the epoch is done, the `total_steps`th of all; `loss`: that of the steps since
        the last look, None where nothing could be read."""
        now = describe(means(sums)) + "; " + pace(sums, watch)
        self._progress.update(self._bar, completed=step, now=now)
        if self._board and loss is not None:
            self._board.add_scalar("step_loss", loss, total_steps)

    def flush(self) -> None:
        """What was shown is on the disk, as the checkpoint is that goes on from here."""
        if self._board:
            self._board.flush()

    def epoch(self, row: Row, total_steps: int) -> None:
        """A line in the log and the values on TensorBoard."""
        if not self._board:
            return
        for name, value in row.items():
            if name != "epoch":
                self._board.add_scalar(name, value, total_steps)
        parts = [
            {name.removeprefix(of): value for name, value in row.items() if name.startswith(of)}
            for of in ("train_", "validation_")
        ]
        text = describe(parts[0]) + (f"; validation {describe(parts[1])}" if parts[1] else "")
        log.info(
            "epoch %d: %s (%.1f s, %.1f clips/s, %.0f%% of the time waiting for clips)",
            row["epoch"],
            text,
            row["seconds"],
            row["clips_per_second"],
            100 * row["waiting"],
        )
        if row["skipped"]:
            log.warning(
                "epoch %d: %d videos skipped that could not be read", row["epoch"], row["skipped"]
            )


def pace(sums: Sums, watch: Stopwatch) -> str:
    clips = sums["loss"][1]
    return f"{clips / watch.seconds:.1f} clips/s, {watch.waited / watch.seconds:.0%} waiting"


def describe(values: Row) -> str:
    """Loss and accuracies as text."""
    return ", ".join(
        f"{name.replace('_', ' ')} " + (f"{value:.4f}" if name == "loss" else f"{value:.1%}")
        for name, value in values.items()
    )


def write_history(history: list[Row], kept: int, path: Path) -> None:
    """One row per epoch, and `kept`: 1 in the row of the epoch, counted from 1, whose weights are
    the model, else 0."""
    table = pd.DataFrame(history)
    table["kept"] = (table["epoch"] == kept).astype(int)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def write_about(identity: dict[str, Any], fabric: Fabric, threads: int, path: Path) -> None:
    """What a training is of and where it runs: its recipe and seed, the versions, the machine."""
    packages = (
        "motionfit",
        "torch",
        "torchvision",
        "lightning-fabric",
        "numpy",
        "h5py",
        "opencv-contrib-python-headless",
    )
    on_gpu = fabric.device.type == "cuda"
    write_json(
        path,
        {
            "identity": identity,
            "versions": {"python": platform.python_version()}
            | {p: installed(p) for p in packages}
            | (
                {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
                if on_gpu
                else {}
            ),
            "machine": {
                "system": platform.platform(),
                "device": torch.cuda.get_device_name(fabric.device)
                if on_gpu
                else platform.machine(),
                "processes": fabric.world_size,
                "threads_a_process": threads,
            },
        },
    )


def installed(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:  # another build of it, as of OpenCV
        return None
