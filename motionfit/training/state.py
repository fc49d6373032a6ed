"""The state of a training: everything that changes from step to step."""

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from motionfit.clips.loading import UnreadableVideo
from motionfit.config import Training
from motionfit.training.average import WeightAverage
from motionfit.training.batches import Batches
from motionfit.training.best import BestEpoch
from motionfit.training.compute import Compute, Processes
from motionfit.training.data import MultiClipDataset
from motionfit.training.objective import Objective
from motionfit.training.progress import EpochSums, EpochTimer, Row, Sums

log = logging.getLogger(__name__)


class TrainingState:
    """Network, optimiser, learning-rate schedule, loss scaler and progress.

    All of them are made here. A checkpoint contains `state_dict`.
    """

    def __init__(
        self,
        objective: Objective,
        recipe: Training,
        compute: Compute,
        fabric: Fabric,
        videos: int,
    ):
        """`videos`: number of training videos, for a recipe with a number of steps."""
        self.recipe = recipe
        self.fabric = fabric
        self.processes = Processes(fabric)

        compute.adapt(objective, fabric, recipe.precision)
        optimizer = torch.optim.SGD(
            [p for p in objective.parameters() if p.requires_grad],
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self.objective = objective
        self.epochs, milestones = recipe.schedule(videos)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones)
        self.wrapped_objective, self.optimizer = fabric.setup(objective, optimizer)
        """The objective and the optimiser as Fabric wraps them, for devices and precision."""
        self.scaler = fabric.strategy.precision
        """Fabric's precision plugin, which has the loss scaler of 16 bits."""

        self.average = WeightAverage(objective.network, recipe.ema) if recipe.ema else None
        """None if the model has the weights themselves."""
        self.epoch = 1
        """The current epoch, counted from 1."""
        self.step = 0
        """Steps of the current epoch that are done."""
        self.history: list[Row] = []
        self.best = BestEpoch(objective.network) if recipe.keep == "best" else None
        """None if the recipe keeps the last epoch."""
        self.start_epoch()

    def batches(self, dataset: MultiClipDataset, seed: int | None = None) -> Batches:
        """The share of this process in the batches of a dataset."""
        sizes = self.recipe.batch_size, self.recipe.accumulate
        return Batches(dataset, *sizes, seed, self.fabric.global_rank, self.fabric.world_size)

    def start_epoch(self) -> None:
        """Resets what belongs to a single epoch."""
        self.sums = EpochSums(self.fabric.device)
        self.timer = EpochTimer()

    @property
    def learning_rate(self) -> float:
        return self.schedule.get_last_lr()[0]

    def evaluated_weights(self) -> AbstractContextManager[None]:
        """The network has the weights that are validated: their average, if there is one."""
        return self.average.in_place() if self.average else nullcontext()

    def seed_step(self) -> None:
        """Seeds the random numbers of a step from the seed of the recipe, the step and the process,
        so that a resumed training repeats an uninterrupted one. Generators have no other state."""
        key = [self.recipe.seed, self.epoch, self.step, self.fabric.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))

    def skip(self, videos: list[UnreadableVideo]) -> None:
        """Logs and counts videos that can't be read."""
        for video in videos:
            log.warning("%s is skipped: %s", video.video, video.reason)
        self.sums.skip(len(videos))

    def totals(self) -> Sums:
        """The sums of the epoch over all processes. Waits for the device."""
        return self.sums.total(self.processes)

    def state_dict(self) -> dict[str, Any]:
        """The content of a checkpoint. All processes have to call this."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "precision": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "history": self.history,
            "best": self.best.state if self.best else None,
            "sums": self.totals(),
            "seconds": self.timer.seconds,
            "waited": self.timer.waited,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from the content of a checkpoint."""
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["precision"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.history, self.epoch, self.step = state["history"], state["epoch"], state["step"]
        if self.best:
            self.best = BestEpoch(self.objective.network, state["best"])
        # The saved sums are those of all processes together, so only the first one continues them.
        sums = state["sums"]
        if not self.fabric.is_global_zero:
            sums = {name: [0.0, 0.0] for name in sums}
        self.sums = EpochSums(self.fabric.device, sums)
        self.timer = EpochTimer(state["seconds"], state["waited"])
