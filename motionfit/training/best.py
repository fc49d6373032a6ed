"""The epoch of a training that does best on the videos that are held out."""

import logging
import math
from typing import Any

from torch import nn

from motionfit.training.progress import Row

log = logging.getLogger(__name__)


class BestEpoch:
    """Keeps a copy, in main memory, of the weights of the epoch of the highest validation accuracy;
    of the lowest validation loss, where there is no accuracy or two are equal; of the earlier one,
    where these are equal too."""

    def __init__(self, network: nn.Module, state: dict[str, Any] | None = None):
        """`state`: that of an earlier instance, from a checkpoint."""
        self._network = network
        self.state = state or {"epoch": 0, "score": None, "weights": {}}

    @property
    def epoch(self) -> int:
        """Number of the best epoch so far, counted from 1; 0 where there is none yet."""
        return self.state["epoch"]

    def consider(self, row: Row) -> None:
        """Looks at the epoch that has just ended, `row` of the history. One whose validation loss
        is no number can't be the best."""
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
        """Gives the network the weights of the best epoch; where there is none, it keeps those of
        the last."""
        if not self.epoch:
            log.warning("no epoch had a validation loss that is a number: the last is the model")
            return
        self._network.load_state_dict(self.state["weights"])
        log.info("the model is that of epoch %d, the best on the videos held out", self.epoch)
