"""Evaluation of the network on the held-out videos, after each epoch."""

import torch

from motionfit.clips.loading import shut_down_workers, stop_signals_blocked
from motionfit.signals import StopRequest
from motionfit.training.batches import agree_on_batch, batch_loader
from motionfit.training.data import MultiClipDataset
from motionfit.training.progress import EpochSums, Row, means
from motionfit.training.state import TrainingState


class Validation:
    """Computes the loss and the accuracies on the validation videos."""

    def __init__(self, dataset: MultiClipDataset, state: TrainingState, workers: int):
        self.dataset = dataset
        self._state = state
        self._loader = batch_loader(state.batches(dataset), workers)

    @torch.no_grad()
    def evaluate(self, stop: StopRequest) -> Row:
        """The mean loss and the accuracies; each video counts once.

        Raises StopRequestedError if a process was asked to stop.
        """
        state, device = self._state, self._state.fabric.device
        state.objective.eval()
        sums = EpochSums(device)
        with stop_signals_blocked():
            batches = iter(self._loader)
        for batch, unreadable in batches:
            state.skip(unreadable)
            shared = agree_on_batch([batch], state.objective, state.processes, stop)
            for part in shared.parts:
                loss, hits = state.wrapped_objective(part.on_device(device), shared.counts)
                sums.add(loss, shared.counts["clips"], part.flips.numel(), hits)
        return means(sums.total(state.processes))

    def close(self) -> None:
        """Ends the workers."""
        shut_down_workers(self._loader)
