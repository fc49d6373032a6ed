"""The training loop.

`TrainingLoop.run` trains epoch by epoch. `_train_step` is one step: forward, loss, backward,
optimiser. `_end_epoch` validates, advances the learning-rate schedule and saves a checkpoint. What
a checkpoint contains is in `TrainingState` (state.py), what ends a training is in checks.py, the
losses are in objective.py, and what a batch contains is in data.py.
"""

import logging
import shutil
import time
from pathlib import Path
from typing import NoReturn

from lightning_fabric import Fabric
from torch import Tensor

from motionfit.clips.loading import shut_down_workers, stop_signals_blocked, worker_failures
from motionfit.config import Training
from motionfit.errors import InterruptedTrainingError, MotionFitError
from motionfit.signals import StopRequest
from motionfit.training.batches import SharedBatch, StopRequestedError, agree_on_batch, batch_loader
from motionfit.training.checkpoints import Checkpoints, Identity
from motionfit.training.checks import Checks, check_readable
from motionfit.training.compute import Compute
from motionfit.training.data import Batch, MultiClipDataset
from motionfit.training.objective import Counts, Hits, Objective
from motionfit.training.progress import (
    ProgressLogger,
    Row,
    Sums,
    difference,
    means,
    write_history,
    write_run,
)
from motionfit.training.state import TrainingState
from motionfit.training.validation import Validation

log = logging.getLogger(__name__)

LOG_INTERVAL = 20
"""Steps between two reports of the loss on a GPU. Each report waits for the GPU."""
QUICK, SMALL_PART = 0.5, 0.05
"""After an epoch, a checkpoint is always saved if the last one took less than `QUICK` seconds, else
only if it takes this part of the time at most."""


def train(
    objective: Objective,
    training_set: MultiClipDataset,
    validation_set: MultiClipDataset | None,
    recipe: Training,
    identity: Identity,
    folder: Path,
    compute: Compute,
    fabric: Fabric | None = None,
) -> None:
    """Trains the network of the objective in place. Its final weights are those of the epoch that
    the recipe keeps.

    Parameters
    ----------
    identity : dict
        Everything that the training depends on. A training with the same identity continues from
        its last checkpoint.
    folder : Path
        For `history.csv` (one row per epoch), `run.json` (recipe, versions, machine),
        `tensorboard/` and `checkpoints/`.
    fabric : Fabric or None
        The result of `compute.fabric`, if the caller has it already.

    Raises
    ------
    MotionFitError
        If the loss or a weight becomes infinite or NaN, batch normalisation would see a single
        value, or too many videos can't be read. Also if a signal asks the training to stop; it then
        saves a checkpoint first.
    """
    fabric = fabric or compute.fabric(recipe.precision)
    fabric.launch()
    compute.exit_with_first_process(fabric)
    threads = compute.share_threads()
    state = TrainingState(objective, recipe, compute, fabric, len(training_set))
    loop = TrainingLoop(state, training_set, validation_set, identity, folder, compute, threads)
    try:
        with StopRequest() as stop:
            loop.run(stop)
    finally:
        loop.close()


class TrainingLoop:
    """Trains epoch by epoch, and saves checkpoints."""

    def __init__(
        self,
        state: TrainingState,
        training_set: MultiClipDataset,
        validation_set: MultiClipDataset | None,
        identity: Identity,
        folder: Path,
        compute: Compute,
        threads: int,
    ):
        recipe, fabric = state.recipe, state.fabric
        self._state = state
        self._fabric = fabric
        self._folder = folder

        workers = compute.workers
        if workers is None:
            workers = threads if fabric.device.type == "cuda" else 0
        self._batches = state.batches(training_set, recipe.seed)
        self._loader = batch_loader(self._batches, workers)
        self._checks = Checks(state, self._batches, folder)
        self._checks.batch_norm()
        # Fewer workers, since they stay alive during training, with a copy of the video list.
        self._validation = (
            Validation(validation_set, state, -(-workers // 4)) if validation_set else None
        )

        self._checkpoints = Checkpoints(folder / "checkpoints", identity)
        self._checkpoint_seconds = 60 * compute.checkpoint_minutes
        self._last_checkpoint = time.monotonic()
        self._saving = 0.0  # seconds that the last checkpoint took
        self._resume()
        self._logger = ProgressLogger(
            folder, state.epochs, self._total_steps, enabled=fabric.is_global_zero
        )
        if fabric.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            write_run(identity, fabric, threads, folder / "run.json")

    # ------------------------------------------------------------------------------- training

    def run(self, stop: StopRequest) -> None:
        """Trains all epochs that are left."""
        state = self._state
        with self._logger, worker_failures():
            try:
                while state.epoch <= state.epochs:
                    self._logger.start_epoch(state.epoch, self._batches.steps, state.step)
                    self._train_epoch(stop)
                    self._end_epoch(stop)
            except StopRequestedError:
                self._save_and_stop(stop)
        if state.average:
            state.average.become_weights()
        if state.best:
            state.best.restore()
        if self._fabric.is_global_zero:
            # Again, in case the training was killed after its last epoch, and its job has lost the
            # file.
            self._write_history()
            if skipped := sum(row["skipped"] for row in state.history):
                log.warning(
                    "videos that can't be read were skipped %d times. To train on all videos, "
                    "delete the files that the warnings above name, and %s, and run again",
                    skipped,
                    self._folder,
                )

    def _train_epoch(self, stop: StopRequest) -> None:
        """Trains from the current step to the end of the epoch."""
        state = self._state
        state.objective.train()
        state.timer.start()
        self._batches.set_epoch(state.epoch, state.step)
        with stop_signals_blocked():
            loaded = iter(self._loader)
        logged = state.totals()
        while state.step < self._batches.steps:
            parts = []
            for _ in range(self._batches.parts_in(state.step)):
                with state.timer.waiting():
                    part, unreadable = next(loaded)
                state.skip(unreadable)
                parts.append(part)
            batch = agree_on_batch(parts, state.objective, state.processes, stop)
            if batch.parts:
                self._train_step(batch)
            state.step += 1
            on_cpu = self._fabric.device.type == "cpu"
            if on_cpu or state.step % LOG_INTERVAL == 0 or state.step == self._batches.steps:
                logged = self._log_step(logged)
                if time.monotonic() - self._last_checkpoint >= self._checkpoint_seconds:
                    self._checks.weights()
                    self._save_checkpoint()

    def _train_step(self, batch: SharedBatch) -> None:
        """One step of the optimiser, with the gradients of all parts of a batch."""
        state, fabric = self._state, self._fabric
        state.seed_step()
        state.optimizer.zero_grad()
        for i, part in enumerate(batch.parts):
            last = i == len(batch.parts) - 1
            with fabric.no_backward_sync(state.wrapped_objective, enabled=not last):
                loss, hits = self._forward(part.on_device(fabric.device), batch.counts)
                # DistributedDataParallel averages the gradients of the processes, but their sum is
                # the gradient of the batch.
                fabric.backward(loss * fabric.world_size)
            state.sums.add(loss, batch.counts["clips"], part.flips.numel(), hits)
        state.optimizer.step()
        if state.average:
            state.average.update()

    def _forward(self, part: Batch, counts: Counts) -> tuple[Tensor, Hits]:
        """The loss and the accuracies."""
        try:
            return self._state.wrapped_objective(part, counts)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            # The other videos of the part can't be read.
            raise self._checks.single_value() from None

    def _end_epoch(self, stop: StopRequest) -> None:
        """Validates, adds a row to the history, and saves a checkpoint."""
        self._checks.weights()
        state = self._state
        sums, seconds = state.totals(), state.timer.seconds
        row: Row = {"epoch": state.epoch, "learning_rate": state.learning_rate}
        row |= {f"train_{name}": value for name, value in means(sums).items()}
        if self._validation:
            with state.evaluated_weights():
                results = self._validation.evaluate(stop)
            row |= {f"validation_{name}": value for name, value in results.items()}
        skipped = state.totals()["skipped"][0]
        if state.best:
            # An epoch must not become the best one because difficult videos could not be read.
            check_readable(skipped - sums["skipped"][0], self._validation.dataset)
        row |= {
            "skipped": skipped,
            "clips_per_second": sums["loss"][1] / seconds,
            "waiting": state.timer.waited / seconds,
            "seconds": state.timer.seconds,
        }
        state.schedule.step()
        state.history.append(row)
        if state.best:
            with state.evaluated_weights():
                state.best.consider(row)
        self._logger.log_epoch(row, state.epoch * self._batches.steps)
        state.epoch, state.step = state.epoch + 1, 0
        state.start_epoch()
        if state.epoch > state.epochs or self._checkpoint_is_cheap():
            self._save_checkpoint()
        if self._fabric.is_global_zero:
            self._write_history()

    # ---------------------------------------------------------------------------- checkpoints

    def _checkpoint_is_cheap(self) -> bool:
        """Whether a checkpoint would take little time beside the training since the last one.

        With few videos an epoch lasts seconds, as long as it takes to write a large network.
        """
        since = time.monotonic() - self._last_checkpoint
        return self._saving < QUICK or self._saving <= SMALL_PART * since

    def _save_checkpoint(self) -> None:
        begun = time.monotonic()
        checkpoint = self._state.state_dict()
        if self._fabric.is_global_zero:
            self._checkpoints.save(checkpoint)
        self._logger.flush()
        self._last_checkpoint = time.monotonic()
        self._saving = self._last_checkpoint - begun

    def _resume(self) -> None:
        """Continues from the last checkpoint, if there is one."""
        # The first process reads it for all, so that they can't continue from different ones.
        checkpoint = self._checkpoints.latest() if self._fabric.is_global_zero else None
        checkpoint = self._fabric.broadcast(checkpoint)
        if checkpoint is not None:
            self._state.load_state_dict(checkpoint)
            log.info(
                "resuming in epoch %d after %d of %d steps",
                self._state.epoch,
                self._state.step,
                self._batches.steps,
            )
        elif self._fabric.is_global_zero:
            # The curves in it belong to another training.
            shutil.rmtree(self._folder / "tensorboard", ignore_errors=True)

    def _save_and_stop(self, stop: StopRequest) -> NoReturn:
        """Saves a checkpoint and raises MotionFitError, after a request to stop."""
        self._checks.weights()
        self._save_checkpoint()
        # Otherwise Fabric would end the first process, which may still be writing, as soon as
        # another process ends.
        self._fabric.barrier()
        kind = InterruptedTrainingError if stop.name == "SIGINT" else MotionFitError
        raise kind(
            f"the training was asked to stop ({stop.name or 'in another process'}) and has saved "
            f"step {self._state.step} of epoch {self._state.epoch}: run it again to continue"
        ) from None

    def close(self) -> None:
        """Ends the workers."""
        shut_down_workers(self._loader)
        if self._validation:
            self._validation.close()

    # -------------------------------------------------------------------------------- reports

    @property
    def _total_steps(self) -> int:
        """Steps done in all epochs."""
        return (self._state.epoch - 1) * self._batches.steps + self._state.step

    def _log_step(self, logged: Sums) -> Sums:
        """Reports the loss since the sums were last `logged`, and checks it. Returns the current
        sums."""
        state = self._state
        sums = state.totals()
        self._checks.loss(sums)
        new = difference(sums, logged)
        loss = means(new)["loss"] if new["loss"][1] else None
        self._logger.log_step(state.step, self._total_steps, sums, state.timer, loss)
        return sums

    def _write_history(self) -> None:
        history, best = self._state.history, self._state.best
        kept_epoch = (best and best.epoch) or len(history)
        write_history(history, kept_epoch, self._folder / "history.csv")


def remove_checkpoints(folder: Path) -> None:
    """Removes the checkpoints of a training whose model is saved, so that the next training in the
    folder starts from the beginning."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
