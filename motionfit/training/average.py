"""The moving average of a network's weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class WeightAverage:
    """An exponential moving average of the weights of a network, and of the statistics of its batch
    normalisation.

    The decay after n steps is (1 + n) / (10 + n), up to `decay`, so that the random initial weights
    do not stay in the average.
    """

    def __init__(self, network: nn.Module, decay: float):
        def average(averaged: Tensor, current: Tensor, _steps: Tensor | int) -> Tensor:
            if not current.is_floating_point():
                return current
            return averaged.lerp(current, 1 - min(decay, self._decay))

        self._network = network
        self._decay = 0.0
        self._average = AveragedModel(network, avg_fn=average, use_buffers=True)

    def update(self) -> None:
        """Adds the current weights."""
        # Read once per step, since each copy from a GPU waits for it.
        steps = int(self._average.n_averaged)
        self._decay = (1 + steps) / (10 + steps)
        self._average.update_parameters(self._network)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the average as its weights for a while."""
        weights = {name: value.clone() for name, value in self._network.state_dict().items()}
        self.become_weights()
        try:
            yield
        finally:
            self._network.load_state_dict(weights)

    def become_weights(self) -> None:
        """Gives the network the average as its weights."""
        with torch.no_grad():
            self._network.load_state_dict(self._average.module.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return self._average.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._average.load_state_dict(state)
