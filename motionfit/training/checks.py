"""What ends a training that would learn nothing, with a message that says what to change."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from motionfit.errors import MotionFitError
from motionfit.training.batches import Batches
from motionfit.training.data import MultiClipDataset
from motionfit.training.progress import Sums, means
from motionfit.training.state import TrainingState

MAX_UNREADABLE = 0.05
"""Largest fraction of the videos of a dataset that may be unreadable."""


@dataclass(frozen=True)
class Checks:
    """The checks of a training, which raise MotionFitError."""

    state: TrainingState
    batches: Batches
    folder: Path

    def loss(self, sums: Sums) -> None:
        """Raises MotionFitError if the loss is not finite, or too many videos can't be read."""
        loss = means(sums)["loss"]
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        check_readable(sums["skipped"][0], self.batches.dataset)

    def weights(self) -> None:
        """Raises MotionFitError if a weight is not finite; the last loss may still be finite."""
        largest = [
            tensor.abs().max()
            for tensor in self.state.objective.state_dict().values()
            if tensor.is_floating_point() and tensor.numel()
        ]
        if not torch.stack(largest).isfinite().all():
            raise self._diverged("weights became infinite or NaN")

    def _diverged(self, reason: str) -> MotionFitError:
        return MotionFitError(
            f"{self.folder}: the training has diverged: {reason} in epoch {self.state.epoch}, at "
            f"a learning rate of {self.state.learning_rate:g}: lower training.learning_rate "
            f"(currently {self.state.recipe.learning_rate:g}) of {self.folder.parent.name!r} in "
            "the config"
        )

    def batch_norm(self) -> None:
        """Raises MotionFitError if batch normalisation would see a single value per channel. Its
        variance is 0, so the network would learn nothing."""
        recipe = self.state.recipe
        if self.batches.smallest_part * recipe.clips_per_video > 1:
            return
        clip_length = self.batches.dataset.clip_length
        if self.state.objective.output_positions(clip_length, recipe.crop) == 1:
            raise self.single_value()

    def single_value(self) -> MotionFitError:
        recipe = self.state.recipe
        return MotionFitError(
            f"{self.folder}: batch normalisation needs more than one value, but a batch or a part "
            f"of a batch is a single clip of {recipe.crop}x{recipe.crop} pixels "
            f"({len(self.batches.dataset)} videos in batches of {recipe.batch_size}, "
            f"accumulate {recipe.accumulate}, clips_per_video {recipe.clips_per_video}): use a "
            "larger crop, more clips_per_video, or another batch_size or accumulate, so that no "
            "part is a single video"
        )


def check_readable(skipped: float, dataset: MultiClipDataset) -> None:
    """Raises MotionFitError if too many videos of a dataset were skipped."""
    if skipped > MAX_UNREADABLE * len(dataset):
        raise MotionFitError(
            f"{skipped:.0f} of the {len(dataset)} videos can't be read: the warnings above name "
            "them and their files; delete those files and run again"
        )
