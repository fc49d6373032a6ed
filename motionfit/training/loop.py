"""The training loop."""

import hashlib
import logging
import math
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, Sampler
from torch.utils.tensorboard import SummaryWriter

from motionfit.config import Training
from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.terminal import terminal
from motionfit.training.checkpoints import Checkpoints
from motionfit.training.data import MultiClips
from motionfit.training.objective import Batch, Counts, Objective

log = logging.getLogger(__name__)


def train(
    objective: Objective,
    training_set: MultiClips,
    validation_set: MultiClips | None,
    recipe: Training,
    identity: str,
    folder: Path,
    threads: int,
    trainable: list[nn.Module] | None = None,
    freeze_bn: bool = False,
) -> None:
    """Trains the objective's network in place by the recipe.

    `folder` gets `history.csv` (a row an epoch), `tensorboard/` and, while it lasts,
    `checkpoints/`, from which a training of the same `identity` (text of all that it depends on)
    goes on where it was killed. `trainable`: the parts of the network that learn; all where None.
    `freeze_bn`: the other parts keep their batch-normalisation statistics.

    Raises MotionFitError where the loss is no longer a number.
    """
    torch.set_num_threads(threads)
    fabric = Fabric(accelerator="auto", devices=1)
    fabric.launch()
    frozen = freeze(objective.network, trainable) if trainable is not None else []
    optimizer = torch.optim.SGD(
        [p for p in objective.parameters() if p.requires_grad],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(recipe.milestones))
    model, optimizer = fabric.setup(objective, optimizer)
    order = torch.Generator()
    # On a CPU the cores are better spent on the network than on processes that read for it.
    workers = threads if fabric.device.type == "cuda" else 0
    batches = loader(training_set, recipe.batch_size, workers, shuffled(training_set, order))
    checkpoints = Checkpoints(folder / "checkpoints", fingerprint(identity))
    history: list[dict[str, float]] = []
    done = 0
    if (state := checkpoints.latest()) is not None:
        objective.load_state_dict(state["objective"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history, done = state["history"], state["epoch"]
        log.info("going on after epoch %d", done)
    else:
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)  # curves of another training

    folder.mkdir(parents=True, exist_ok=True)
    console = Console(file=terminal())
    with (
        SummaryWriter(folder / "tensorboard", purge_step=done + 1) as board,
        Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[now]}"),
            console=console, transient=True, disable=not console.is_terminal,
        ) as progress,
    ):  # fmt: skip
        for epoch in range(done + 1, recipe.epochs + 1):
            started = time.monotonic()
            # Every random draw of an epoch follows from the seed and the epoch, so that a resumed
            # training repeats an uninterrupted one.
            torch.manual_seed(recipe.seed * 100_003 + epoch)
            order.manual_seed(recipe.seed * 100_003 + epoch)
            training_set.set_epoch(epoch)
            objective.train()
            if freeze_bn:
                for part in frozen:
                    part.eval()
            totals = Totals()
            bar = progress.add_task(f"epoch {epoch}/{recipe.epochs}", total=len(batches), now="")
            for batch in batches:
                loss, counts = model(to(batch, fabric.device))
                if not math.isfinite(value := loss.item()):
                    raise MotionFitError(
                        f"the loss became {value} in epoch {epoch}: lower training.learning_rate "
                        f"(it is {recipe.learning_rate})"
                    )
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                totals.add(value, batch["flips"].numel(), counts)
                progress.update(bar, advance=1, now=describe(totals.values()))
            progress.remove_task(bar)
            row: dict[str, float] = {"epoch": epoch, "learning_rate": schedule.get_last_lr()[0]}
            row |= {f"train_{name}": value for name, value in totals.values().items()}
            if validation_set:
                watched = validate(objective, validation_set, recipe, workers, fabric.device)
                row |= {f"validation_{name}": value for name, value in watched.items()}
            row["seconds"] = time.monotonic() - started
            schedule.step()
            history.append(row)
            report_epoch(row, board)
            checkpoints.save(
                epoch,
                {
                    "objective": objective.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "history": history,
                },
            )
            write_history(history, folder / "history.csv")
    # Once more for a training that was killed after its last epoch and lost the file with its job.
    write_history(history, folder / "history.csv")


def finish(folder: Path) -> None:
    """Removes the checkpoints of a training whose model is saved, so that the next one, of
    whatever recipe, starts anew."""
    Checkpoints(folder / "checkpoints", "").clear()


def freeze(network: nn.Module, trainable: list[nn.Module]) -> list[nn.Module]:
    """Stops the gradient of all but the trainable parts; returns the frozen ones."""
    frozen = [part for part in network.children() if all(part is not t for t in trainable)]
    for part in frozen:
        part.requires_grad_(False)
    return frozen


def shuffled(clips: MultiClips, order: torch.Generator) -> Sampler:
    """Every video once, in an order drawn by `order`; where they repeat, as many by weight."""
    return ByWeight(clips, order) if clips.repeat else RandomSampler(clips, generator=order)


class ByWeight(Sampler[tuple[int, int]]):
    """As many draws as there are videos, by the videos' weights: a video's place, and how often it
    has come before, so that what is drawn of it is another each time."""

    def __init__(self, clips: MultiClips, order: torch.Generator) -> None:
        self._weights = torch.tensor([float(video.weights.sum()) for video in clips.videos])
        self._order = order

    def __len__(self) -> int:
        return len(self._weights)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        drawn = torch.multinomial(self._weights, len(self), replacement=True, generator=self._order)
        before: Counter[int] = Counter()
        for i in drawn.tolist():
            yield i, before[i]
            before[i] += 1


def loader(clips: MultiClips, batch_size: int, workers: int, sampler: Sampler | None) -> DataLoader:
    """Batches in the order of `sampler`, or in sequence where it is None."""
    return DataLoader(
        clips,
        batch_size=batch_size,
        # The order is drawn by the sampler alone: a loader that has a generator also draws from it
        # when worker processes start, which they do at another epoch in a resumed training.
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def to(batch: Batch, device: torch.device) -> Batch:
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


@torch.no_grad()
def validate(
    objective: Objective, clips: MultiClips, recipe: Training, workers: int, device: torch.device
) -> dict[str, float]:
    objective.eval()
    totals = Totals()
    for batch in loader(clips, recipe.batch_size, workers, None):
        loss, counts = objective(to(batch, device))
        totals.add(loss.item(), batch["flips"].numel(), counts)
    return totals.values()


class Totals:
    """Means over batches: the loss, and the accuracies that the objective counts."""

    def __init__(self) -> None:
        self._loss = self._clips = 0.0
        self._counts: dict[str, tuple[float, int]] = {}

    def add(self, loss: float, clips: int, counts: Counts) -> None:
        self._clips += clips
        self._loss += loss * clips
        for name, (right, count) in counts.items():
            before = self._counts.get(name, (0.0, 0))
            self._counts[name] = (before[0] + right.item(), before[1] + count)

    def values(self) -> dict[str, float]:
        accuracies = {name: right / max(n, 1) for name, (right, n) in self._counts.items()}
        return {"loss": self._loss / self._clips} | accuracies


def describe(values: dict[str, float]) -> str:
    """Loss and accuracies as text."""
    return ", ".join(
        f"{name.replace('_', ' ')} " + (f"{value:.4f}" if name == "loss" else f"{value:.1%}")
        for name, value in values.items()
    )


def report_epoch(row: dict[str, float], board: SummaryWriter) -> None:
    """A line in the log and the values on TensorBoard."""
    for name, value in row.items():
        if name != "epoch":
            board.add_scalar(name, value, int(row["epoch"]))
    parts = [
        {name.removeprefix(of): value for name, value in row.items() if name.startswith(of)}
        for of in ("train_", "validation_")
    ]
    text = describe(parts[0]) + (f"; validation {describe(parts[1])}" if parts[1] else "")
    log.info("epoch %d: %s (%.1f s)", row["epoch"], text, row["seconds"])


def write_history(history: list[dict[str, float]], path: Path) -> None:
    with replacing(path) as temporary:
        pd.DataFrame(history).to_csv(temporary, index=False)


def fingerprint(identity: str) -> str:
    return hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()
