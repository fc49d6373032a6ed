"""The training loop."""

import logging
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader

from motionfit.config import Training
from motionfit.errors import InterruptedTrainingError, MotionFitError
from motionfit.training.batches import Batches, close, loader, readers, signals_held
from motionfit.training.best import BestEpoch
from motionfit.training.checkpoints import Checkpoints, Identity
from motionfit.training.compute import Compute, Together, pad_in_time, synchronise
from motionfit.training.data import MultiClips
from motionfit.training.objective import Batch, Counts, Hits, Objective
from motionfit.training.progress import (
    Row,
    Stopwatch,
    Sums,
    Totals,
    Watch,
    means,
    write_about,
    write_history,
)
from motionfit.training.signals import StopRequest

log = logging.getLogger(__name__)

LOOK_EVERY = 20
"""Steps between looks at what a GPU computes, since each look waits for it."""
BAD_AT_MOST = 0.05
"""Fraction of an epoch's videos that may be unreadable."""


def train(
    objective: Objective,
    training_set: MultiClips,
    validation_set: MultiClips | None,
    recipe: Training,
    identity: Identity,
    folder: Path,
    compute: Compute,
    fabric: Fabric | None = None,
    trainable: list[nn.Module] | None = None,
    freeze_bn: bool = False,
) -> None:
    """Trains the objective's network in place by the recipe; its weights are then those of the
    epoch that the recipe keeps.

    `folder` gets `history.csv` (one row per epoch), `run.json` (recipe, versions, machine),
    `tensorboard/` and, while it lasts, `checkpoints/`, from which a training of the same `identity`
    (all that it depends on) goes on where it was killed. `fabric`: what `compute` gives, where that
    is made already. `trainable`: the parts of the network that learn; all where None. `freeze_bn`:
    the other parts keep their batch-normalisation statistics.

    Raises MotionFitError where the loss or a weight is no longer a number, batch normalisation has
    too little to go by, too many clips can't be read, or a signal asks to stop: a checkpoint is
    then written.
    """
    fabric = fabric or compute.fabric(recipe.precision)
    fabric.launch()
    compute.end_with_the_first(fabric)
    training = _Training(objective, recipe, compute, fabric, folder, identity)
    training.freeze(trainable, freeze_bn)
    training.prepare(training_set, validation_set)
    try:
        with StopRequest() as stop:
            training.run(stop)
    finally:
        training.close()


class _Training:
    """The state of a training, and its steps."""

    def __init__(
        self,
        objective: Objective,
        recipe: Training,
        compute: Compute,
        fabric: Fabric,
        folder: Path,
        identity: Identity,
    ):
        self._objective = objective
        self._recipe = recipe
        self._compute = compute
        self._fabric = fabric
        self._folder = folder
        self._identity = identity
        self._frozen: list[nn.Module] = []

    def freeze(self, trainable: list[nn.Module] | None, freeze_bn: bool) -> None:
        """Stops the gradient of all but the trainable parts."""
        if trainable is None:
            return
        network = self._objective.network
        frozen = [part for part in network.children() if all(part is not t for t in trainable)]
        for part in frozen:
            part.requires_grad_(False)
        self._frozen = frozen if freeze_bn else []

    def prepare(self, training_set: MultiClips, validation_set: MultiClips | None) -> None:
        """Sets up the devices, the batches and, from the last checkpoint, everything else."""
        threads = self._compute.share_threads()
        self._set_up_network()
        self._set_up_batches(training_set, validation_set, threads)
        self._check_batches()
        self._checkpoints = Checkpoints(self._folder / "checkpoints", self._identity)
        self._resume()
        if self._fabric.is_global_zero:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_about(self._identity, self._fabric, threads, self._folder / "run.json")

    def _set_up_network(self) -> None:
        recipe, objective = self._recipe, self._objective
        if self._fabric.world_size > 1:
            synchronise(objective.network)
        if recipe.precision == "bf16" and self._fabric.device.type == "cpu":
            pad_in_time(objective.network)
        if self._compute.channels_last:
            objective.to(memory_format=torch.channels_last_3d)
        if self._compute.compile:
            objective.compile()
        optimizer = torch.optim.SGD(
            [p for p in objective.parameters() if p.requires_grad],
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self._schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(recipe.milestones))
        self._model, self._optimizer = self._fabric.setup(objective, optimizer)

    def _set_up_batches(
        self, training_set: MultiClips, validation_set: MultiClips | None, threads: int
    ) -> None:
        recipe, fabric = self._recipe, self._fabric
        self._together = Together(fabric)
        workers = self._compute.readers(fabric.device, threads)
        share = {"rank": fabric.global_rank, "world": fabric.world_size}
        self._clips = training_set
        self._batches = Batches(
            training_set, recipe.batch_size, recipe.accumulate, recipe.seed, **share
        )
        self._loader = loader(training_set, self._batches, workers)
        self._watched: tuple[MultiClips, DataLoader] | None = None
        if validation_set:
            order = Batches(validation_set, recipe.batch_size, recipe.accumulate, **share)
            # Fewer read for it: they live on between its turns, with a copy of the list of videos.
            self._watched = validation_set, loader(validation_set, order, -(-workers // 4))

    def _check_batches(self) -> None:
        """Raises MotionFitError where batch normalisation would see one value: its variance is 0,
        and nothing can be learned from it."""
        if self._batches.smallest * self._recipe.clips_per_video > 1:
            return
        places = self._objective.places(self._clips.clip_length, self._recipe.crop)
        if places == 1:
            raise self._one_value()

    def _one_value(self) -> MotionFitError:
        recipe = self._recipe
        return MotionFitError(
            f"{self._folder}: batch normalisation needs more than one value, and sees one where a "
            f"batch, or a part of it, is one clip of {recipe.crop}x{recipe.crop} pixels "
            f"({len(self._clips)} videos in batches of {recipe.batch_size}, "
            f"accumulate {recipe.accumulate}, clips_per_video {recipe.clips_per_video}): take a "
            "larger crop, more clips_per_video, or another batch_size or accumulate, that leave no "
            "video alone"
        )

    def _resume(self) -> None:
        """Goes on from the last checkpoint, or begins."""
        self._epoch, self._step = 1, 0
        self._history: list[Row] = []
        self._best = BestEpoch(self._objective.network) if self._recipe.keep == "best" else None
        self._totals, self._watch = Totals(self._fabric.device), Stopwatch()
        self._saved = time.monotonic()
        # One reads it for all, so that no two go on from different ones.
        state = self._checkpoints.latest() if self._fabric.is_global_zero else None
        state = self._fabric.broadcast(state)
        if state is None:
            if self._fabric.is_global_zero:  # curves of another training
                shutil.rmtree(self._folder / "tensorboard", ignore_errors=True)
            return
        self._objective.load_state_dict(state["objective"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self._history, self._epoch, self._step = state["history"], state["epoch"], state["step"]
        if self._best:
            self._best = BestEpoch(self._objective.network, state["best"])
        sums = state["sums"]
        if not self._fabric.is_global_zero:  # they are those of all processes, so one takes them
            sums = {name: [0.0, 0.0] for name in sums}
        self._totals = Totals(self._fabric.device, sums)
        self._watch = Stopwatch(state["seconds"], state["waited"])
        log.info(
            "going on in epoch %d after %d of its %d steps",
            self._epoch,
            self._step,
            self._batches.steps,
        )

    def run(self, stop: StopRequest) -> None:
        """All epochs that are left."""
        epochs, steps = self._recipe.epochs, self._batches.steps
        done = (self._epoch - 1) * steps + self._step
        view = Watch(self._folder, epochs, done, self._fabric.is_global_zero)
        with view, readers():
            while self._epoch <= epochs:
                view.begin(self._epoch, steps, self._step)
                self._train_epoch(view, stop)
                self._end_epoch(view, stop)
        if self._best:
            self._best.restore()
        # Once more for a training that was killed after its last epoch and lost the file with its
        # job.
        if self._fabric.is_global_zero:
            self._write_history()
            if skipped := sum(row["skipped"] for row in self._history):
                log.warning(
                    "%d times a video was not learned from, since it could not be read. To learn "
                    "from all of them, delete the files that the warnings above name, and %s, and "
                    "run again",
                    skipped,
                    self._folder,
                )

    def close(self) -> None:
        """Ends the processes that read."""
        if self._loader.num_workers:
            close(self._loader)
            if self._watched:
                close(self._watched[1])

    def _train_epoch(self, view: Watch, stop: StopRequest) -> None:
        self._objective.train()
        for part in self._frozen:
            part.eval()
        self._watch.begin()
        steps = self._batches.steps
        self._batches.begin(self._epoch, self._step)
        with signals_held():
            batches = iter(self._loader)
        before = self._totals.over(self._together)
        while self._step < steps:
            parts, counts, asked = self._agree(self._read_parts(batches), stop)
            if asked:
                self._stop(view, stop)
            if parts:
                self._learn(parts, counts)
            self._step += 1
            on_cpu = self._fabric.device.type == "cpu"
            if not (on_cpu or self._step % LOOK_EVERY == 0 or self._step == steps):
                continue
            sums = self._totals.over(self._together)
            self._check(sums)
            new = difference(sums, before)
            loss = means(new)["loss"] if new["loss"][1] else None
            view.step(self._step, (self._epoch - 1) * steps + self._step, sums, self._watch, loss)
            before = sums
            if time.monotonic() - self._saved >= 60 * self._compute.checkpoint_minutes:
                self._check_weights()
                self._save(view)

    def _read_parts(self, batches: Iterator[dict[str, Any]]) -> list[Batch]:
        """This process's share of the next batch."""
        parts = []
        for _ in range(self._batches.parts(self._step)):
            with self._watch.waiting():
                batch = next(batches)
            parts.append(self._without_bad(batch))
        return parts

    def _without_bad(self, batch: dict[str, Any]) -> Batch:
        bad = batch.pop("bad")
        for record in bad:
            log.warning("%s is passed over: %s", record.video, record.reason)
        self._totals.skip(len(bad))
        return batch

    def _learn(self, parts: list[Batch], counts: Counts) -> None:
        """One step of the optimiser, on all parts of a batch together."""
        fabric, recipe = self._fabric, self._recipe
        # Every random draw of a step follows from the seed and the step, so that a resumed training
        # repeats an uninterrupted one.
        place = [recipe.seed, self._epoch, self._step, fabric.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        self._optimizer.zero_grad()
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            with fabric.no_backward_sync(self._model, enabled=not last):
                loss, hits = self._forward(self._on_device(part, self._clips), counts)
                # Gradients are averaged over the processes, and are to be summed.
                fabric.backward(loss * fabric.world_size)
            self._totals.add(loss, counts["clips"], part["flips"].numel(), hits)
        self._optimizer.step()

    def _forward(self, part: Batch, counts: Counts) -> tuple[torch.Tensor, Hits]:
        try:
            return self._model(part, counts)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise self._one_value() from None  # the other videos of the part can't be read

    def _agree(self, parts: list[Batch], stop: StopRequest) -> tuple[list[Batch], Counts, bool]:
        """What all processes have to know of a batch that is dealt out to them: its parts without
        those that are empty for all, what its means are over, and whether one is asked to stop."""
        each = [self._objective.counts(part) for part in parts]
        rows = torch.tensor([list(counts.values()) for counts in each])
        asked = torch.full((len(parts), 1), float(stop.name is not None))
        sums = self._together.sum(torch.cat([rows, asked], dim=1))
        counts = dict(zip(each[0], sums[:, :-1].sum(dim=0), strict=True))
        some = [part for part, row in zip(parts, sums, strict=True) if row[0]]
        return some, counts, bool(sums[0, -1])

    def _on_device(self, batch: Batch, clips: MultiClips) -> Batch:
        if clips.encoded:
            return clips.decoded(batch, self._fabric.device)
        return {
            name: tensor.to(self._fabric.device, non_blocking=True)
            for name, tensor in batch.items()
        }

    def _check(self, sums: Sums) -> None:
        """Raises MotionFitError where the loss is no number or too much can't be read."""
        loss = means(sums)["loss"]
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        self._check_skipped(sums["skipped"][0], self._clips)

    def _check_weights(self) -> None:
        """Raises MotionFitError where a weight is no number: the loss may be one still."""
        largest = [
            tensor.abs().max()
            for tensor in self._objective.state_dict().values()
            if tensor.is_floating_point() and tensor.numel()
        ]
        if not torch.stack(largest).isfinite().all():
            raise self._diverged("weights became infinite, or no numbers,")

    def _diverged(self, what: str) -> MotionFitError:
        rate = self._schedule.get_last_lr()[0]
        return MotionFitError(
            f"{self._folder}: the training has diverged: {what} in epoch {self._epoch}, at a "
            f"learning rate of {rate:g}: lower training.learning_rate (it is "
            f"{self._recipe.learning_rate:g}) of {self._folder.parent.name!r} in the config"
        )

    def _check_skipped(self, skipped: float, clips: MultiClips) -> None:
        """Raises MotionFitError where too many videos can't be read."""
        if skipped > BAD_AT_MOST * len(clips):
            raise MotionFitError(
                f"{skipped:.0f} of the {len(clips)} videos can't be read: the warnings above name "
                "them and their files; delete those files and run again"
            )

    def _end_epoch(self, view: Watch, stop: StopRequest) -> None:
        self._check_weights()
        sums, trained = self._totals.over(self._together), self._watch.seconds
        row: Row = {"epoch": self._epoch, "learning_rate": self._schedule.get_last_lr()[0]}
        row |= {f"train_{name}": value for name, value in means(sums).items()}
        if self._watched:
            watched = self._validate(view, stop)
            row |= {f"validation_{name}": value for name, value in watched.items()}
        skipped = self._totals.over(self._together)["skipped"][0]
        if self._best:  # an epoch must not seem it because videos that are hard could not be read
            self._check_skipped(skipped - sums["skipped"][0], self._watched[0])
        row |= {
            "skipped": skipped,
            "clips_per_second": sums["loss"][1] / trained,
            "waiting": self._watch.waited / trained,
            "seconds": self._watch.seconds,
        }
        self._schedule.step()
        self._history.append(row)
        if self._best:
            self._best.consider(row)
        view.epoch(row, self._epoch * self._batches.steps)
        self._epoch, self._step = self._epoch + 1, 0
        self._totals, self._watch = Totals(self._fabric.device), Stopwatch()
        self._save(view)
        if self._fabric.is_global_zero:
            self._write_history()

    def _write_history(self) -> None:
        kept = (self._best and self._best.epoch) or len(self._history)
        write_history(self._history, kept, self._folder / "history.csv")

    @torch.no_grad()
    def _validate(self, view: Watch, stop: StopRequest) -> Row:
        """Loss and accuracies on the videos to watch with, each of them once."""
        clips, batches = self._watched
        self._objective.eval()
        totals = Totals(self._fabric.device)
        with signals_held():
            reading = iter(batches)
        for batch in reading:
            parts, counts, asked = self._agree([self._without_bad(batch)], stop)
            if asked:
                self._stop(view, stop)
            for part in parts:
                loss, hits = self._model(self._on_device(part, clips), counts)
                totals.add(loss, counts["clips"], part["flips"].numel(), hits)
        return means(totals.over(self._together))

    def _save(self, view: Watch) -> None:
        """Keeps everything that a training goes on from."""
        sums = self._totals.over(self._together)
        if self._fabric.is_global_zero:
            self._checkpoints.save(
                {
                    "epoch": self._epoch,
                    "step": self._step,
                    "objective": self._objective.state_dict(),
                    "optimizer": self._optimizer.state_dict(),
                    "schedule": self._schedule.state_dict(),
                    "precision": self._fabric.strategy.precision.state_dict(),
                    "history": self._history,
                    "best": self._best.state if self._best else None,
                    "sums": sums,
                    "seconds": self._watch.seconds,
                    "waited": self._watch.waited,
                }
            )
        view.flush()
        self._saved = time.monotonic()

    def _stop(self, view: Watch, stop: StopRequest) -> NoReturn:
        self._check_weights()
        self._save(view)
        # Else the first process to end has Fabric end the one that still writes.
        self._fabric.barrier()
        kind = InterruptedTrainingError if stop.name == "SIGINT" else MotionFitError
        raise kind(
            f"the training was asked to stop ({stop.name or 'in another process'}) and has kept "
            f"step {self._step} of epoch {self._epoch}: run it again to go on from there"
        )


def difference(sums: Sums, before: Sums) -> Sums:
    """What came in between two sums."""
    return {
        name: [pair[i] - before.get(name, (0.0, 0.0))[i] for i in range(2)]
        for name, pair in sums.items()
    }


def finish(folder: Path) -> None:
    """Removes the checkpoints of a training whose model is saved, so that the next one, of
    whatever recipe, starts anew."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
