"""The epoch of a training with the best validation result."""

import logging
import math
from typing import Any

from torch import nn

from motionfit.training.progress import Row

log = logging.getLogger(__name__)


class BestEpoch:
    """Keeps a copy, in main memory, of the weights of the best epoch.

    The best epoch has the highest validation accuracy. If there is no accuracy or it is equal, the
    lowest validation loss decides, and then the earlier epoch.
    """

    def __init__(self, network: nn.Module, state: dict[str, Any] | None = None):
        """`state`: the attribute `state` of an earlier object, from a checkpoint."""
        self._network = network
        self.state = state or {"epoch": 0, "score": None, "weights": {}}

    @property
    def epoch(self) -> int:
        """Number of the best epoch so far, counted from 1; 0 before the first one."""
        return self.state["epoch"]

    def consider(self, row: Row) -> None:
        """Compares the epoch that has just ended with the best one so far; `row` is its row of the
        history. An epoch whose validation loss is infinite or NaN can't be the best."""
        if not math.isfinite(row["validation_loss"]):
            log.warning(
                "epoch %d can't be the best: its validation loss is %s",
                row["epoch"],
                row["validation_loss"],
            )
            return
        score = [row.get("validation_accuracy", 0.0), -row["validation_loss"]]
        if self.state["score"] is None or score > self.state["score"]:
            weights = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self._network.state_dict().items()
            }
            self.state = {"epoch": int(row["epoch"]), "score": score, "weights": weights}

    def restore(self) -> None:
        """Gives the network the weights of the best epoch. If no epoch could be the best, the
        network keeps those of the last one."""
        if not self.epoch:
            log.warning("no epoch has a finite validation loss: the model is the last epoch")
            return
        self._network.load_state_dict(self.state["weights"])
        log.info("the model is epoch %d, which has the best validation result", self.epoch)
