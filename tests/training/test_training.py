import logging

import numpy as np
import pandas as pd
import pytest
import torch

from motionfit.config import (
    AppearanceModel,
    FineTuning,
    MotionModel,
    Network,
    SelfTraining,
    Training,
)
from motionfit.errors import MotionFitError
from motionfit.models import build_network, load_model, save_model
from motionfit.store.clips import ClipStore
from motionfit.training import loop
from motionfit.training.appearance_model import train_appearance_model
from motionfit.training.data import MultiClips, whole_video
from motionfit.training.fine_tuning import fine_tune
from motionfit.training.labels import training_and_validation, with_labels
from motionfit.training.loop import train
from motionfit.training.motion_model import train_motion_model
from motionfit.training.objective import Objective
from motionfit.training.run import lock
from tests.videos import described, make_flow, make_frames, make_index, moving_square

SMALL = Network(backbone="r2plus1d_small", clip_length=4)
SHORT = {"epochs": 4, "milestones": [2], "learning_rate": 0.02, "batch_size": 4, "crop": 24,
         "clips_per_video": 2, "flip": False, "validation_fraction": 0}  # fmt: skip


def fields(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Flow that goes to the right in even videos and to the left in odd ones."""
    rng = np.random.default_rng(seed)
    videos = {}
    for i in range(count):
        field = rng.normal(0, 0.3, (8, 28, 32, 2)).astype(np.float32)
        field[..., 0] += 3 if i % 2 == 0 else -3
        videos[f"v{i:02d}"] = field
    return videos


@pytest.fixture
def flow(tmp_path):
    make_flow(tmp_path / "flow" / "0000.h5", fields(12), bound=8)
    return tmp_path / "flow"


def labels(count: int) -> dict[str, str]:
    return {f"v{i:02d}": "left" if i % 2 else "right" for i in range(count)}


def run_training(folder, flow, epochs=4, seed=0, learning_rate=0.02):
    store = ClipStore(flow, ["0000"], "flow")
    videos = [whole_video(f"v{i:02d}", 8, i % 2) for i in range(12)]
    recipe = Training(**{**SHORT, "epochs": epochs, "seed": seed, "learning_rate": learning_rate})
    data = MultiClips(store, videos, 4, 2, 24, False, seed, training=True)
    network = build_network("r2plus1d_small", "flow", 2, seed)
    train(network, "flow", data, None, recipe, recipe.to_json(), folder, threads=1)
    return network, pd.read_csv(folder / "history.csv")


def test_the_loss_falls_and_the_rate_follows_the_milestones(tmp_path, flow):
    _, history = run_training(tmp_path / "out", flow)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["learning_rate"].tolist() == pytest.approx([0.02, 0.02, 0.002, 0.002])
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert list((tmp_path / "out" / "tensorboard").iterdir())


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, flow, monkeypatch):
    whole, history = run_training(tmp_path / "whole", flow)

    saved = loop.Checkpoints.save

    def save_and_die(self, epoch, state):
        saved(self, epoch, state)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "killed", flow)
    monkeypatch.undo()
    resumed, resumed_history = run_training(tmp_path / "killed", flow)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    columns = ["epoch", "learning_rate", "train_loss", "train_accuracy"]
    pd.testing.assert_frame_equal(history[columns], resumed_history[columns])


def test_a_checkpoint_that_is_cut_short_is_passed_over(tmp_path, flow):
    whole, _ = run_training(tmp_path / "out", flow)
    last = tmp_path / "out" / "checkpoints" / "epoch_0004.pt"
    last.write_bytes(last.read_bytes()[:1000])
    resumed, history = run_training(tmp_path / "out", flow)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert torch.equal(whole.fc.weight, resumed.fc.weight)


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path, flow, caplog):
    run_training(tmp_path / "out", flow)
    fresh, _ = run_training(tmp_path / "fresh", flow, seed=1)
    with caplog.at_level(logging.INFO):
        other, _ = run_training(tmp_path / "out", flow, seed=1)
    assert "another recipe" in caplog.text
    assert torch.equal(fresh.fc.weight, other.fc.weight)


def test_a_loss_that_is_no_number_is_told(tmp_path, flow):
    with pytest.raises(MotionFitError, match=r"lower training\.learning_rate"):
        run_training(tmp_path / "out", flow, learning_rate=1e25)


def test_a_motion_model_learns_and_leaves_no_checkpoints(tmp_path, flow):
    longer = Training(**{**SHORT, "epochs": 8, "milestones": [6]})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=longer)
    index = make_index(labels(12), test={"v10", "v11"})
    output = tmp_path / "model" / "model.pt"
    train_motion_model(recipe, index, 1, flow, 1, output)
    _, about = load_model(output)
    assert (about.modality, about.classes, about.clip_length) == ("flow", ["left", "right"], 4)
    assert about.frame_size == [28, 32]
    history = pd.read_csv(output.with_name("history.csv"))
    assert history["train_accuracy"].iloc[-1] == 1
    assert not output.with_name("checkpoints").exists()


def test_validation_is_watched_but_not_learned(tmp_path, flow, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "motionfit.training.run.train",
        lambda network, modality, learned, watched, *rest: seen.update(
            learned={v.video for v in learned.videos}, watched={v.video for v in watched.videos}
        ),
    )
    training = Training(**{**SHORT, "validation_fraction": 0.25})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    train_motion_model(recipe, make_index(labels(12)), 1, flow, 1, tmp_path / "model.pt")
    assert len(seen["watched"]) == 3
    assert seen["learned"] | seen["watched"] == set(labels(12))
    assert not seen["learned"] & seen["watched"]


def test_the_validation_loss_is_that_of_the_network_as_it_is(tmp_path, flow):
    training = Training(**{**SHORT, "validation_fraction": 0.25, "epochs": 8, "milestones": [6]})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    train_motion_model(recipe, make_index(labels(12)), 1, flow, 1, tmp_path / "model.pt")
    history = pd.read_csv(tmp_path / "history.csv")
    network, _ = load_model(tmp_path / "model.pt")
    store = ClipStore(flow, ["0000"], "flow")
    rows = make_index(labels(12))
    _, watched = training_and_validation(
        rows, with_labels(rows, store, ["left", "right"]), store, 4, training, keep_classes=True
    )
    objective = Objective(network, "flow", training)
    values = loop.validate(objective, watched, training, 0, torch.device("cpu"))
    assert values["loss"] == pytest.approx(history["validation_loss"].iloc[-1], rel=1e-4)
    assert values["accuracy"] == history["validation_accuracy"].iloc[-1]


@pytest.fixture
def accelerating(tmp_path):
    """Flow that grows in time: the order of clips shows, and nothing else differs."""
    speed = np.linspace(0, 6, 24, dtype=np.float32)[:, None, None, None]
    field = np.broadcast_to(speed, (24, 28, 32, 2))
    make_flow(tmp_path / "flow" / "0000.h5", {f"v{i:02d}": field for i in range(12)}, bound=8)
    return tmp_path / "flow"


def test_clip_order_is_learned_without_labels(tmp_path, accelerating):
    training = Training(**{**SHORT, "epochs": 20, "milestones": [15], "clips_per_video": 2,
                           "multi_clip_weight": 0, "order_gap": 2})  # fmt: skip
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    one, other = (tmp_path / name / "model.pt" for name in ("one", "other"))
    train_motion_model(recipe, make_index(labels(12)), 1, accelerating, 1, one)
    history = pd.read_csv(one.with_name("history.csv"))
    assert "train_accuracy" not in history
    assert history["train_order_accuracy"].iloc[-5:].mean() > 0.9
    network, about = load_model(one)
    assert about.learned == "clip order"
    # Other labels change nothing.
    swapped = {v: {"left": "right", "right": "left"}[name] for v, name in labels(12).items()}
    train_motion_model(recipe, make_index(swapped), 1, accelerating, 1, other)
    assert torch.equal(network.layer4[0].conv1[0][0].weight,
                       load_model(other)[0].layer4[0].conv1[0][0].weight)  # fmt: skip


def test_labels_and_clip_order_are_learned_together(tmp_path, flow):
    training = Training(**{**SHORT, "multi_clip_weight": 0.5})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    output = tmp_path / "model.pt"
    train_motion_model(recipe, make_index(labels(12)), 1, flow, 1, output)
    history = pd.read_csv(output.with_name("history.csv"))
    assert {"train_accuracy", "train_order_accuracy"} <= set(history)
    assert load_model(output)[1].learned == "labels"


@pytest.mark.parametrize("workers", [0, 1])
def test_the_order_of_an_epoch_is_the_same_for_workers_that_start_with_it(flow, workers):
    """As they do in a resumed training."""
    store = ClipStore(flow, ["0000"], "flow")
    videos = [whole_video(f"v{i:02d}", 8, i) for i in range(12)]
    data = MultiClips(store, videos, 4, 1, 24, False, 0, training=True)

    def orders(epochs):
        order = torch.Generator()
        batches = loop.loader(data, 4, workers, order)
        for epoch in epochs:
            order.manual_seed(epoch)
            yield [int(label) for _, _, labels, _ in batches for label in labels]

    first, second = orders([1, 2])
    assert first != second
    assert list(orders([2])) == [second]


CHANGES = {
    "clip_length": {"clip_length": 6},
    "labels": {"label_fraction": 0.5},
    "groups": {"index": make_index(labels(12)).assign(group="g")},
    "nothing": {},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_killed_fine_tuning_goes_on_only_if_nothing_it_depends_on_has_changed(
    tmp_path, flow, monkeypatch, caplog, change
):
    about = described("flow", list("abcde"), 4, [28, 32], 24)
    network = build_network("r2plus1d_small", "flow", 5, seed=3)
    save_model(network, about, tmp_path / "source.pt")
    recipe = FineTuning(**{**SHORT, "epochs": 2, "validation_fraction": 0.25})
    options = {
        "clip_length": 4, "label_fraction": 1.0, "label_seed": 0, "model": tmp_path / "source.pt",
        "index": make_index(labels(12)), "split": 1, "clips": flow, "threads": 1,
        "output": tmp_path / "out" / "tuned.pt",
    }  # fmt: skip
    saved = loop.Checkpoints.save

    def save_and_die(self, epoch, state):
        saved(self, epoch, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.Checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(recipe, **options)
    monkeypatch.undo()
    with caplog.at_level(logging.INFO):
        fine_tune(recipe, **{**options, **CHANGES[change]})
    assert ("going on after epoch 1" in caplog.text) == (change == "nothing")


def test_two_trainings_do_not_share_a_folder(tmp_path):
    with lock(tmp_path), pytest.raises(MotionFitError, match="another training is running"):
        lock(tmp_path).__enter__()


def test_a_clip_longer_than_every_video_is_told(tmp_path, flow):
    recipe = MotionModel(
        dataset="d", flow="f", network=Network(backbone="r2plus1d_small", clip_length=9)
    )
    with pytest.raises(MotionFitError, match=r"clip_length is 9, but the longest .* 8 frames"):
        train_motion_model(recipe, make_index(labels(12)), 1, flow, 1, tmp_path / "model.pt")


def test_self_training_learns_a_label_a_clip(tmp_path):
    """Clips of one video have different labels: bright in its first half, dark in its second."""
    videos = {}
    for i in range(12):
        video = moving_square(8, 28, 32)
        video[:4] //= 3
        videos[f"v{i:02d}"] = video
    make_frames(tmp_path / "frames" / "0000.h5", videos)
    pseudo_labels = pd.DataFrame(
        [(name, start, 4, start // 4) for name in videos for start in (0, 4)],
        columns=["video", "start", "length", "label"],
    )
    recipe = AppearanceModel(
        pseudo_labels="p", network=SMALL, frame_size=(28, 32), training=SelfTraining(**SHORT)
    )
    index = make_index(dict.fromkeys(videos, ""))
    train_appearance_model(
        recipe, index, 1, pseudo_labels, tmp_path / "frames", 1, tmp_path / "model.pt"
    )
    _, about = load_model(tmp_path / "model.pt")
    assert about.classes == ["0", "1"]
    assert pd.read_csv(tmp_path / "history.csv")["train_accuracy"].iloc[-1] == 1


@pytest.mark.parametrize("freeze_bn", [False, True])
@pytest.mark.parametrize("layers", ["last", "all"])
def test_fine_tuning_changes_the_layers_it_should(tmp_path, flow, layers, freeze_bn):
    network = build_network("r2plus1d_small", "flow", 5, seed=3)
    about = described("flow", list("abcde"), 4, [28, 32], 24)
    save_model(network, about, tmp_path / "source.pt")
    recipe = FineTuning(**{**SHORT, "epochs": 1}, layers=layers, freeze_bn=freeze_bn)
    fine_tune(recipe, 4, 1.0, 0, tmp_path / "source.pt", make_index(labels(12)), 1, flow, 1,
              tmp_path / "tuned.pt")  # fmt: skip
    tuned, saved = load_model(tmp_path / "tuned.pt")
    assert saved.classes == ["left", "right"]
    before, after = network.state_dict(), tuned.state_dict()

    def changed(name):
        return not torch.equal(before[name], after[name])

    assert changed("layer3.0.conv1.0.0.weight")
    assert changed("layer4.0.conv1.0.0.weight")
    assert changed("layer1.0.conv1.0.0.weight") == (layers == "all")
    assert changed("stem.0.weight") == (layers == "all")
    frozen_statistics = layers == "last" and freeze_bn
    assert changed("stem.1.running_mean") != frozen_statistics


def test_fine_tuning_uses_the_labelled_fraction_alone(tmp_path, flow, caplog):
    network = build_network("r2plus1d_small", "flow", 5, seed=3)
    about = described("flow", list("abcde"), 4, [28, 32], 24)
    save_model(network, about, tmp_path / "source.pt")
    recipe = FineTuning(**{**SHORT, "epochs": 1})
    with caplog.at_level(logging.INFO):
        fine_tune(recipe, 4, 0.5, 0, tmp_path / "source.pt", make_index(labels(12)), 1, flow, 1,
                  tmp_path / "tuned.pt")  # fmt: skip
    assert "6 videos to learn from, 0 to watch with" in caplog.text
