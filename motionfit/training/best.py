"""The epoch of a training that does best on the videos that are held out."""

import logging
from typing import Any

from torch import nn

from motionfit.training.progress import Row

log = logging.getLogger(__name__)


class BestEpoch:
    """Keeps a copy, in main memory, of the weights of the epoch of the highest validation accuracy;
    of the lowest validation loss, where there is no accuracy or two are equal; of the earlier one,
    where these are equal too."""

    def __init__(self, network: nn.Module, state: dict[str, Any] | None = None):
        """`state`: what another one's `state` was."""
        self._network = network
        self.state = state or {"epoch": 0, "score": None, "weights": {}}

    def consider(self, row: Row) -> None:
        """Looks at the epoch that has just ended, `row` of the history."""
        score = [row.get("validation_accuracy", 0.0), -row["validation_loss"]]
        if self.state["score"] is None or score > self.state["score"]:
            weights = {name: tensor.detach().to("cpu", copy=True)
                       for name, tensor in self._network.state_dict().items()}  # fmt: skip
            self.state = {"epoch": int(row["epoch"]), "score": score, "weights": weights}

    def restore(self) -> None:
        """Gives the network the weights of that epoch."""
        self._network.load_state_dict(self.state["weights"])
        log.info("the model is that of epoch %d, the best on the videos held out",
                 self.state["epoch"])  # fmt: skip
