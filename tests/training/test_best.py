"""The epoch whose weights are the model."""

import pandas as pd
import pytest
import torch
from torch import nn

from motionfit.config import ALL_LABELS, MotionModel, Network, Training
from motionfit.errors import MotionFitError
from motionfit.training.best import BestEpoch
from motionfit.training.checkpoints import Checkpoints
from motionfit.training.motion_model import train_motion_model
from tests.training.setups import ONE, SHORT, make_store, run_training
from tests.videos import make_index

WATCHED = {"watched": 4, "validation_fraction": 0.25}


def row(epoch: int, loss: float, accuracy: float | None = None) -> dict[str, float]:
    values = {"epoch": epoch, "validation_loss": loss}
    return values if accuracy is None else values | {"validation_accuracy": accuracy}


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([row(1, 0.5, 0.7), row(2, 0.9, 0.8), row(3, 0.1, 0.6)], 2),  # accuracy before loss
        ([row(1, 0.5, 0.8), row(2, 0.4, 0.8), row(3, 0.4, 0.8)], 2),  # then loss, then the earlier
        ([row(1, 0.5), row(2, 0.3), row(3, 0.4)], 2),  # MERS has no accuracy
    ],
)
def test_the_best_epoch_is_restored(rows, best):
    network = nn.Linear(1, 1, bias=False)
    epochs = BestEpoch(network)
    for values in rows:
        nn.init.constant_(network.weight, values["epoch"])
        epochs = BestEpoch(network, epochs.state)  # as a resumed training does
        epochs.consider(values)
    epochs.restore()
    assert network.weight.item() == best


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_a_training_keeps_the_epoch_that_is_best_on_what_is_held_out(tmp_path):
    flow = make_store(tmp_path / "flow", 12, noise=3.0)
    epochs = {}
    for count in (1, 2, 3, 4):
        epochs[count] = weights(
            run_training(tmp_path / f"last{count}", flow, epochs=count, **WATCHED)
        )
    kept = weights(run_training(tmp_path / "best", flow, keep="best", **WATCHED))
    history = pd.read_csv(tmp_path / "best" / "history.csv")
    scores = list(zip(history["validation_accuracy"], -history["validation_loss"], strict=True))
    best = 1 + scores.index(max(scores))
    assert all(torch.equal(kept[name], tensor) for name, tensor in epochs[best].items())
    assert len(history) == 4  # the later epochs are there to be seen


def test_a_training_that_is_killed_in_its_last_epoch_still_knows_its_best(tmp_path, monkeypatch):
    flow = make_store(tmp_path / "flow", 12, noise=3.0)
    whole = weights(run_training(tmp_path / "whole", flow, keep="best", **WATCHED))
    save, saved = Checkpoints.save, []

    def save_and_die(self, state):
        save(self, state)
        saved.append(state["epoch"])
        if len(saved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "killed", flow, keep="best", **WATCHED)
    monkeypatch.undo()
    resumed = weights(run_training(tmp_path / "killed", flow, keep="best", **WATCHED))
    assert all(torch.equal(whole[name], tensor) for name, tensor in resumed.items())


def test_the_best_epoch_needs_videos_to_tell_it_by(tmp_path):
    flow = make_store(tmp_path / "flow", 4)
    recipe = MotionModel(
        dataset="d", flow="f", network=Network(backbone="r2plus1d_small", clip_length=4),
        training=Training(**{**SHORT, "validation_fraction": 0.1, "keep": "best"}),
    )  # fmt: skip
    index = make_index({f"v{i:02d}": "ab"[i % 2] for i in range(4)})
    with pytest.raises(MotionFitError, match="keep: best, but none of the 4 videos"):
        train_motion_model(recipe, ALL_LABELS, index, 1, flow, ONE, tmp_path / "out" / "model.pt")
