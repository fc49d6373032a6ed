"""The training loop."""

import hashlib
import logging
import math
import shutil
import time
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler
from torch.utils.tensorboard import SummaryWriter

from motionfit.config import Training
from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.models.network import VideoNetwork
from motionfit.terminal import terminal
from motionfit.training.checkpoints import Checkpoints
from motionfit.training.clips import network_input
from motionfit.training.data import MultiClips
from motionfit.training.losses import multi_clip_loss

log = logging.getLogger(__name__)


def train(
    network: VideoNetwork,
    modality: str,
    training_set: MultiClips,
    validation_set: MultiClips | None,
    recipe: Training,
    identity: str,
    folder: Path,
    threads: int,
    trainable: list[nn.Module] | None = None,
    freeze_bn: bool = False,
) -> None:
    """Trains `network` in place by the recipe, with the multi-clip loss (Eq. 1).

    `folder` gets `history.csv` (a row an epoch), `tensorboard/` and, while it lasts,
    `checkpoints/`, from which a training of the same `identity` (text of all that it depends on)
    goes on where it was killed. `trainable`: the parts that learn; all where None. `freeze_bn`: the
    other parts keep their batch-normalisation statistics.

    Raises MotionFitError where the loss is no longer a number.
    """
    torch.set_num_threads(threads)
    fabric = Fabric(accelerator="auto", devices=1)
    fabric.launch()
    frozen = freeze(network, trainable) if trainable is not None else []
    optimizer = torch.optim.SGD(
        [p for p in network.parameters() if p.requires_grad],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(recipe.milestones))
    model, optimizer = fabric.setup(network, optimizer)
    order = torch.Generator()
    # On a CPU the cores are better spent on the network than on processes that read for it.
    workers = threads if fabric.device.type == "cuda" else 0
    batches = loader(training_set, recipe.batch_size, workers, order)
    checkpoints = Checkpoints(folder / "checkpoints", fingerprint(identity))
    history: list[dict[str, float]] = []
    done = 0
    if (state := checkpoints.latest()) is not None:
        network.load_state_dict(state["network"])
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
            network.train()
            if freeze_bn:
                for part in frozen:
                    part.eval()
            totals = Totals()
            bar = progress.add_task(f"epoch {epoch}/{recipe.epochs}", total=len(batches), now="")
            for clips, flips, labels in batches:
                logits, labels = forward(model, modality, clips, flips, labels, fabric.device)
                loss = multi_clip_loss(logits, labels)
                if not math.isfinite(value := loss.item()):
                    raise MotionFitError(
                        f"the loss became {value} in epoch {epoch}: lower training.learning_rate "
                        f"(it is {recipe.learning_rate})"
                    )
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                totals.add(logits.detach(), labels, value)
                progress.update(bar, advance=1, now=f"loss {totals.loss:.3f} "
                                f"accuracy {totals.accuracy:.1%}")  # fmt: skip
            progress.remove_task(bar)
            row: dict[str, float] = {
                "epoch": epoch,
                "learning_rate": schedule.get_last_lr()[0],
                "train_loss": totals.loss,
                "train_accuracy": totals.accuracy,
            }
            if validation_set:
                watched = validate(model, modality, validation_set, recipe.batch_size, workers)
                row |= {
                    "validation_loss": watched.loss,
                    "validation_accuracy": watched.accuracy,
                }
            row["seconds"] = time.monotonic() - started
            schedule.step()
            history.append(row)
            report_epoch(row, board)
            checkpoints.save(
                epoch,
                {
                    "network": network.state_dict(),
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


def loader(
    clips: MultiClips, batch_size: int, workers: int, order: torch.Generator | None
) -> DataLoader:
    """Batches in an order drawn by `order`, or in sequence where it is None."""
    return DataLoader(
        clips,
        batch_size=batch_size,
        # The order is drawn by the sampler alone: a loader that has a generator also draws from it
        # when worker processes start, which they do at another epoch in a resumed training.
        sampler=RandomSampler(clips, generator=order) if order else None,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def forward(
    model: nn.Module, modality: str, clips: Tensor, flips: Tensor, labels: Tensor,
    device: torch.device,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A batch of multi-clips (B, R, L, H, W, C) to logits (B, R, K), and its labels (B, R), on the
    device."""
    flat = clips.flatten(0, 1).to(device, non_blocking=True)
    logits = model(network_input(flat, modality, flips.flatten().to(device)))
    return logits.unflatten(0, labels.shape), labels.to(device)


@torch.no_grad()
def validate(
    model: nn.Module, modality: str, clips: MultiClips, batch_size: int, workers: int
) -> "Totals":
    model.eval()
    device = next(model.parameters()).device
    totals = Totals()
    for batch in loader(clips, batch_size, workers, None):
        logits, labels = forward(model, modality, *batch, device)
        totals.add(logits, labels, multi_clip_loss(logits, labels).item())
    return totals


class Totals:
    """Mean loss and clip accuracy over batches."""

    def __init__(self) -> None:
        self._loss = self._right = self._clips = 0.0

    def add(self, logits: Tensor, labels: Tensor, loss: float) -> None:
        self._clips += labels.numel()
        self._loss += loss * labels.numel()
        self._right += (logits.argmax(-1) == labels).sum().item()

    @property
    def loss(self) -> float:
        return self._loss / self._clips

    @property
    def accuracy(self) -> float:
        return self._right / self._clips


def report_epoch(row: dict[str, float], board: SummaryWriter) -> None:
    """A line in the log and the values on TensorBoard."""
    for name, value in row.items():
        if name != "epoch":
            board.add_scalar(name, value, int(row["epoch"]))
    text = f"epoch {row['epoch']}: loss {row['train_loss']:.4f}"
    text += f", accuracy {row['train_accuracy']:.1%}"
    if "validation_loss" in row:
        text += f"; validation loss {row['validation_loss']:.4f}"
        text += f", accuracy {row['validation_accuracy']:.1%}"
    log.info("%s (%.1f s)", text, row["seconds"])


def write_history(history: list[dict[str, float]], path: Path) -> None:
    with replacing(path) as temporary:
        pd.DataFrame(history).to_csv(temporary, index=False)


def fingerprint(identity: str) -> str:
    return hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()
