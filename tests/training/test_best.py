"""The epoch whose weights are the model."""

import pandas as pd
import pytest
import torch
from torch import nn

from motionfit.clips.loading import UnreadableVideo
from motionfit.config import ALL_LABELS, MotionModel, Network, Training
from motionfit.errors import MotionFitError
from motionfit.training.best import BestEpoch
from motionfit.training.checkpoints import Checkpoints
from motionfit.training.data import MultiClipDataset
from motionfit.training.validation import Validation
from tests.stages import train_motion_model
from tests.training.setups import ONE, SHORT, make_store, run_training
from tests.videos import make_index

HELD_OUT = {"validation_videos": 4, "validation_fraction": 0.25}


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


ACCURACIES = (0.2, 0.9, 0.3, 0.1)
"""Validation accuracies of the epochs; the best epoch is neither the first nor the last."""


@pytest.fixture
def scripted(monkeypatch):
    """Validation gives these accuracies, or a loss alone, as for MERS."""

    def evaluate(self, stop):
        value = ACCURACIES[self._state.epoch - 1]
        return {"loss": 1 - value} | ({"accuracy": value} if scripted.accuracies else {})

    scripted.accuracies = True
    monkeypatch.setattr(Validation, "evaluate", evaluate)
    return scripted


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(other[name], tensor) for name, tensor in one.items())


@pytest.mark.parametrize("accuracies", [True, False])
def test_the_model_is_the_epoch_that_is_best_on_what_is_held_out(tmp_path, scripted, accuracies):
    flow = make_store(tmp_path / "flow", 12, noise=3.0)
    scripted.accuracies = accuracies
    ended = {
        epochs: weights(run_training(tmp_path / f"{epochs}", flow, epochs=epochs, **HELD_OUT))
        for epochs in (2, 4)
    }
    kept = weights(run_training(tmp_path / "best", flow, keep="best", **HELD_OUT))
    assert same(kept, ended[2])
    assert not same(kept, ended[4])
    history = pd.read_csv(tmp_path / "best" / "history.csv")
    assert history["kept"].tolist() == [0, 1, 0, 0]  # the later epochs are there to be seen
    assert pd.read_csv(tmp_path / "4" / "history.csv")["kept"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("saved", [3, 4])
def test_a_training_that_is_killed_after_its_best_epoch_still_knows_it(
    tmp_path, scripted, monkeypatch, saved
):
    flow = make_store(tmp_path / "flow", 12, noise=3.0)
    whole = weights(run_training(tmp_path / "whole", flow, keep="best", **HELD_OUT))
    save, count = Checkpoints.save, iter(range(1, 10))

    def save_and_die(self, state):
        save(self, state)
        if next(count) == saved:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "killed", flow, keep="best", **HELD_OUT)
    monkeypatch.setattr(Checkpoints, "save", save)
    resumed = weights(run_training(tmp_path / "killed", flow, keep="best", **HELD_OUT))
    assert same(whole, resumed)


def test_an_epoch_whose_validation_is_no_number_is_not_the_best(caplog):
    network = nn.Linear(1, 1, bias=False)
    epochs = BestEpoch(network)
    nn.init.constant_(network.weight, 1)
    epochs.consider(row(1, float("nan"), 0.9))
    assert "epoch 1 can't be the best" in caplog.text
    epochs.restore()
    assert network.weight.item() == 1  # the last, where none can be the best
    assert "the model is the last epoch" in caplog.text
    epochs.consider(row(2, 3.0, 0.1))
    assert epochs.epoch == 2


def test_validation_ends_where_too_much_of_it_can_not_be_read(tmp_path, monkeypatch):
    flow = make_store(tmp_path / "flow", 12)
    read = MultiClipDataset.__getitem__

    def unreadable(self, draw):
        bad = not self._training and self.videos[draw.video].video == "v09"
        return UnreadableVideo("v09", "it is damaged") if bad else read(self, draw)

    monkeypatch.setattr(MultiClipDataset, "__getitem__", unreadable)
    with pytest.raises(MotionFitError, match="1 of the 4 videos can't be read"):
        run_training(tmp_path / "out", flow, keep="best", **HELD_OUT)
    run_training(tmp_path / "last", flow, **HELD_OUT)  # to watch with, the others are enough


def test_the_best_epoch_needs_videos_to_tell_it_by(tmp_path):
    flow = make_store(tmp_path / "flow", 4)
    recipe = MotionModel(
        dataset="d",
        flow="f",
        network=Network(backbone="r2plus1d_small", clip_length=4),
        training=Training(**{**SHORT, "validation_fraction": 0.1, "keep": "best"}),
    )
    index = make_index({f"v{i:02d}": "ab"[i % 2] for i in range(4)})
    with pytest.raises(MotionFitError, match=r"keep: best needs .* none of the 4 videos"):
        train_motion_model(recipe, ALL_LABELS, index, 1, flow, ONE, tmp_path / "out" / "model.pt")
