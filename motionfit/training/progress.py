"""Progress of a training: sums over an epoch, timing, the log, TensorBoard and a progress bar."""

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
from motionfit.training.compute import Processes
from motionfit.training.objective import Hits

Sums = dict[str, list[float]]
"""Name to [sum of a value, number of clips (or other units) in the sum]."""
Row = dict[str, float]
"""A row of the history: the values of an epoch by name."""

log = logging.getLogger(__name__)


class EpochSums:
    """Sums of the loss and the accuracies over an epoch, and the number of skipped videos. They
    stay on the device, so that no batch waits for it. Each process has its own share."""

    def __init__(self, device: torch.device, saved: Sums | None = None):
        """`saved`: the sums of an interrupted epoch, from a checkpoint."""
        self._device = device
        self._sums = {
            name: torch.tensor(pair, dtype=torch.float64, device=device)
            for name, pair in (saved or {"loss": [0.0, 0.0], "skipped": [0.0, 0.0]}).items()
        }

    def add(self, loss: Tensor, batch_clips: Tensor, own_clips: int, hits: Hits) -> None:
        """Adds the loss of `own_clips` clips. They are the share of this process in a batch of
        `batch_clips` clips, by which the loss is divided."""
        loss_sums = torch.stack([loss.detach() * batch_clips, torch.full_like(loss, own_clips)])
        for name, pair in {"loss": loss_sums, **hits}.items():
            pair = pair.to(self._device, torch.float64)
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def skip(self, videos: int) -> None:
        """Counts videos that can't be read."""
        self._sums["skipped"] = self._sums["skipped"] + videos

    def total(self, processes: Processes) -> Sums:
        """The sums over all processes. Waits for the device."""
        names = sorted(self._sums)
        sums = processes.sum(torch.stack([self._sums[name] for name in names]).cpu())
        return dict(zip(names, sums.tolist(), strict=True))


def means(sums: Sums) -> Row:
    """The mean loss per clip, and the accuracies."""
    names = sorted(sums.keys() - {"skipped"}, key=lambda name: (name != "loss", name))
    return {name: sums[name][0] / max(sums[name][1], 1) for name in names}


def difference(sums: Sums, earlier: Sums) -> Sums:
    """What was added to the sums since an earlier moment."""
    return {
        name: [pair[i] - earlier.get(name, (0.0, 0.0))[i] for i in range(2)]
        for name, pair in sums.items()
    }


class EpochTimer:
    """Seconds of an epoch, and how many of them the training waited for clips."""

    def __init__(self, seconds: float = 0, waited: float = 0):
        """`seconds`, `waited`: those of an interrupted epoch, from a checkpoint."""
        self._earlier_seconds = seconds
        self.waited = waited
        self.start()

    def start(self) -> None:
        """Starts the clock for the epoch, or for the rest of an interrupted one."""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._started

    @contextmanager
    def waiting(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.waited += time.monotonic() - started


class ProgressLogger:
    """Shows a training in the log, on TensorBoard and in a progress bar. Of several processes, only
    the first one shows anything (`enabled`)."""

    def __init__(self, folder: Path, epochs: int, steps_done: int, enabled: bool):
        """`steps_done`: steps of an interrupted training, whose curves are kept."""
        self._folder = folder
        self._epochs = epochs
        self._steps_done = steps_done
        self._enabled = enabled
        self._tensorboard: SummaryWriter | None = None
        console = Console(file=terminal())
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
            console=console,
            transient=True,
            disable=not (enabled and console.is_terminal),
        )

    def __enter__(self) -> "ProgressLogger":
        if self._enabled:
            self._tensorboard = SummaryWriter(
                self._folder / "tensorboard", purge_step=self._steps_done + 1
            )
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._tensorboard:
            self._tensorboard.close()

    def start_epoch(self, epoch: int, steps: int, steps_done: int) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        text = f"epoch {epoch}/{self._epochs}"
        self._bar = self._progress.add_task(text, total=steps, completed=steps_done, status="")

    def log_step(
        self, step: int, total_steps: int, sums: Sums, timer: EpochTimer, loss: float | None
    ) -> None:
        """Shows the progress after `step` steps of the epoch and `total_steps` of the training.

        `loss`: mean loss since the last call; None if no clip could be read.
        """
        pace, waited = sums["loss"][1] / timer.seconds, timer.waited / timer.seconds
        status = f"{describe(means(sums))}; {pace:.1f} clips/s, {waited:.0%} waiting"
        self._progress.update(self._bar, completed=step, status=status)
        if self._tensorboard and loss is not None:
            self._tensorboard.add_scalar("step_loss", loss, total_steps)

    def flush(self) -> None:
        """Writes everything to the disk, so that it fits the checkpoint."""
        if self._tensorboard:
            self._tensorboard.flush()

    def log_epoch(self, row: Row, total_steps: int) -> None:
        """A line in the log, and the values on TensorBoard."""
        if not self._tensorboard:
            return
        for name, value in row.items():
            if name != "epoch":
                self._tensorboard.add_scalar(name, value, total_steps)
        text = describe(row, "train_")
        if validation := describe(row, "validation_"):
            text += f"; validation {validation}"
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
                "epoch %d: skipped %d videos that can't be read", row["epoch"], row["skipped"]
            )


def describe(values: Row, prefix: str = "") -> str:
    """The losses and accuracies whose names have the prefix, as text."""
    texts = []
    for name, value in values.items():
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            number = f"{value:.4f}" if name == "loss" else f"{value:.1%}"
            texts.append(f"{name.replace('_', ' ')} {number}")
    return ", ".join(texts)


def write_history(history: list[Row], kept_epoch: int, path: Path) -> None:
    """One row per epoch. The column `kept` is 1 for the epoch (counted from 1) whose weights become
    the model, and 0 for the others."""
    table = pd.DataFrame(history)
    table["kept"] = (table["epoch"] == kept_epoch).astype(int)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def write_run(identity: dict[str, Any], fabric: Fabric, threads: int, path: Path) -> None:
    """What a training depends on and where it runs: recipe, versions of packages, machine."""
    packages = (
        "motionfit",
        "torch",
        "torchvision",
        "lightning-fabric",
        "numpy",
        "h5py",
        "opencv-contrib-python-headless",
    )
    versions = {"python": platform.python_version()}
    versions |= {package: installed_version(package) for package in packages}
    device = platform.machine()
    if fabric.device.type == "cuda":
        versions |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
        device = torch.cuda.get_device_name(fabric.device)
    machine = {
        "system": platform.platform(),
        "device": device,
        "processes": fabric.world_size,
        "threads_a_process": threads,
    }
    write_json(path, {"identity": identity, "versions": versions, "machine": machine})


def installed_version(package: str) -> str | None:
    """None if the package is missing; OpenCV may come from another package."""
    try:
        return version(package)
    except ModuleNotFoundError:
        return None
