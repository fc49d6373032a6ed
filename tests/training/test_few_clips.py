"""What helps to learn from few clips: steps, augmentation, label smoothing, averaged weights."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from motionfit.clips.sampling import whole_video
from motionfit.config import Augmentation, Training
from motionfit.store.clips import ClipStore
from motionfit.training.average import WeightAverage
from motionfit.training.data import Draw, MultiClipDataset
from motionfit.training.losses import multi_clip_loss
from tests.training.setups import die_at_epoch, fields, make_store, run_training
from tests.videos import make_frames


@pytest.fixture
def flow(tmp_path):
    return make_store(tmp_path / "flow")


def history_of(folder):
    return pd.read_csv(folder / "history.csv")


def assert_same_weights(one, other):
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


# -------------------------------------------------------------------------------------------- steps


def test_steps_become_whole_epochs_and_milestones_fractions_of_them(tmp_path, flow):
    # 12 videos in batches of 4: 3 steps per epoch.
    run_training(tmp_path, flow, epochs=None, steps=10, milestones=[0.5])
    history = history_of(tmp_path)
    assert len(history) == 4
    assert history["learning_rate"].tolist() == pytest.approx([0.02, 0.02, 0.002, 0.002])


def test_steps_give_what_the_same_number_of_epochs_gives(tmp_path, flow):
    by_steps = run_training(tmp_path / "steps", flow, epochs=None, steps=6, milestones=[0.5])
    by_epochs = run_training(tmp_path / "epochs", flow, epochs=2, milestones=[1])
    assert_same_weights(by_steps, by_epochs)


# ---------------------------------------------------------------------------------- label smoothing


def test_label_smoothing_is_that_of_pytorch():
    logits, labels = torch.randn(4, 2, 5), torch.randint(5, (4, 2))
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=0.1)
    assert multi_clip_loss(logits, labels, smoothing=0.1).item() == pytest.approx(expected.item())


def test_the_validation_loss_is_not_smoothed(tmp_path, flow):
    """Smoothing gives a loss of 0.2 at least, for two classes."""
    run_training(tmp_path, flow, validation_videos=4, label_smoothing=0.5, epochs=12)
    last = history_of(tmp_path).iloc[-1]
    assert last["train_loss"] > 0.5
    assert last["validation_loss"] < last["train_loss"]


# --------------------------------------------------------------------------------- averaged weights


def test_the_average_follows_the_weights_and_then_lags_behind():
    network = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, decay=0.9)
    seen = []
    for value in range(200):
        network.weight.data.fill_(value)
        average.update()
        with average.in_place():
            seen.append(network.weight.item())
        assert network.weight.item() == value
    assert seen[0] == 0
    assert seen[1] > 0.8  # an early average forgets the first weights at once
    assert seen[-1] == pytest.approx(199 - 0.9 / 0.1, abs=0.1)  # the lag of a decay of 0.9


def test_the_average_becomes_the_model_and_is_validated(tmp_path, flow):
    plain = run_training(tmp_path / "plain", flow, validation_videos=4)
    averaged = run_training(tmp_path / "ema", flow, validation_videos=4, ema=0.9)
    columns = ["train_loss", "learning_rate"]
    plain_history, history = history_of(tmp_path / "plain"), history_of(tmp_path / "ema")
    pd.testing.assert_frame_equal(plain_history[columns], history[columns])
    assert not torch.equal(plain.fc.weight, averaged.fc.weight)
    assert (plain_history["validation_loss"] != history["validation_loss"]).any()


@pytest.mark.parametrize("changes", [{}, {"keep": "best", "validation_fraction": 0.3}])
def test_a_resumed_training_continues_the_average(tmp_path, flow, monkeypatch, changes):
    changes = {"ema": 0.9, "validation_videos": 4, **changes}
    whole = run_training(tmp_path / "whole", flow, **changes)
    die_at_epoch(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "killed", flow, **changes)
    monkeypatch.undo()
    assert_same_weights(whole, run_training(tmp_path / "killed", flow, **changes))


def test_the_best_epoch_is_kept_with_its_averaged_weights(tmp_path, flow):
    """If the only epoch is the best one, its weights are those of the last epoch."""
    changes = {"validation_videos": 4, "ema": 0.9, "epochs": 1, "validation_fraction": 0.3}
    last = run_training(tmp_path / "last", flow, **changes)
    best = run_training(tmp_path / "best", flow, **changes, keep="best")
    assert_same_weights(last, best)


# ------------------------------------------------------------------------------------- augmentation


@pytest.fixture
def frames(tmp_path):
    rng = np.random.default_rng(0)
    videos = {name: rng.integers(0, 256, (8, 28, 32, 3), np.uint8) for name in fields(6)}
    make_frames(tmp_path / "frames" / "0000.h5", videos)
    return tmp_path / "frames"


def dataset(frames, flow=None, training=True, augmentation=None, encoded=False):
    recipe = Training(
        clips_per_video=2,
        crop=24,
        flip=False,
        augmentation=augmentation or Augmentation(zoom=0.5, colour=0.5),
    )
    return MultiClipDataset(
        ClipStore(frames, ["0000"], "frames"),
        [whole_video(name, 8, 0) for name in fields(6)],
        4,
        recipe,
        training,
        ClipStore(flow, ["0000"], "flow") if flow else None,
        encoded,
    )


def batch_of(dataset, epoch=0):
    batch, unreadable = dataset.collate([dataset[Draw(i, epoch)] for i in range(len(dataset))])
    assert not unreadable
    return batch.on_device(torch.device("cpu"))


def test_training_clips_change_by_the_draw_alone(frames):
    first, again = batch_of(dataset(frames)), batch_of(dataset(frames))
    assert torch.equal(first.clips.pixels, again.clips.pixels)
    assert not torch.equal(first.clips.pixels, batch_of(dataset(frames), epoch=1).clips.pixels)


def test_without_augmentation_the_clips_and_crops_are_the_same_ones(frames):
    """A colour factor of nearly 1 changes nothing that one can see, so clips and crops can be
    compared."""
    plain = batch_of(dataset(frames, augmentation=Augmentation())).clips.pixels.int()
    changed = batch_of(dataset(frames, augmentation=Augmentation(colour=1e-6))).clips.pixels.int()
    assert (plain - changed).abs().max() <= 1


def test_clips_that_are_decoded_later_change_alike(frames):
    here, there = batch_of(dataset(frames)), batch_of(dataset(frames, encoded=True))
    assert torch.equal(here.clips.pixels, there.clips.pixels)


def test_validation_clips_do_not_change(frames):
    plain = batch_of(dataset(frames, training=False, augmentation=Augmentation()))
    changed = batch_of(dataset(frames, training=False))
    assert torch.equal(plain.clips.pixels, changed.clips.pixels)


def test_a_teacher_sees_the_same_zoom(frames, flow):
    plain = batch_of(dataset(frames, flow, augmentation=Augmentation(colour=0.5)))
    zoomed = batch_of(dataset(frames, flow, augmentation=Augmentation(zoom=0.3)))
    without = batch_of(dataset(frames, flow, augmentation=Augmentation()))
    assert torch.equal(plain.teacher_clips.pixels, without.teacher_clips.pixels)
    # The flow points right or left with a speed of 3 pixels, and zooming in makes it faster.
    speed = (zoomed.teacher_clips.pixels[..., 0].float() - 128).abs().mean()
    assert speed > 1.2 * (without.teacher_clips.pixels[..., 0].float() - 128).abs().mean()


def test_all_options_are_off_by_default():
    recipe = Training()
    assert recipe.augmentation == Augmentation()
    assert (recipe.label_smoothing, recipe.ema, recipe.steps) == (0, None, None)
