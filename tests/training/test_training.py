import logging
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from motionfit.clips.sampling import whole_video
from motionfit.clips.transforms import centre_crop, network_input
from motionfit.config import (
    ALL_LABELS,
    AppearanceModel,
    FineTuning,
    LabelledPart,
    Mars,
    Mers,
    MotionModel,
    Network,
    SelfTraining,
    Training,
)
from motionfit.errors import MotionFitError
from motionfit.models import Learned, build_network, load_model, save_model
from motionfit.stage_names import stage_module
from motionfit.store.clips import ClipStore
from motionfit.training import checks
from motionfit.training.batches import Batches, batch_loader
from motionfit.training.data import Draw, MultiClipDataset
from motionfit.training.labels import training_and_validation, with_labels, with_pseudo_labels
from motionfit.training.objective import ClipLosses
from motionfit.training.run import load_teacher, lock
from tests.stages import (
    fine_tune,
    train_appearance_model,
    train_motion_model,
    train_taught_model,
)
from tests.training import setups
from tests.training.setups import ONE, SHORT, die_at_epoch, fields, make_store
from tests.videos import described, make_flow, make_frames, make_index, moving_square

SMALL = Network(backbone="r2plus1d_small", clip_length=4)


@pytest.fixture
def flow(tmp_path):
    return make_store(tmp_path / "flow")


def labels(count: int) -> dict[str, str]:
    return {f"v{i:02d}": "left" if i % 2 else "right" for i in range(count)}


def run_training(folder, flow, **changes):
    network = setups.run_training(folder, flow, **changes)
    return network, pd.read_csv(folder / "history.csv")


def test_the_loss_falls_and_the_rate_follows_the_milestones(tmp_path, flow):
    _, history = run_training(tmp_path / "out", flow)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["learning_rate"].tolist() == pytest.approx([0.02, 0.02, 0.002, 0.002])
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert list((tmp_path / "out" / "tensorboard").iterdir())


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, flow, monkeypatch):
    whole, history = run_training(tmp_path / "whole", flow)

    die_at_epoch(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "killed", flow)
    monkeypatch.undo()
    resumed, resumed_history = run_training(tmp_path / "killed", flow)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    columns = ["epoch", "learning_rate", "train_loss", "train_accuracy"]
    pd.testing.assert_frame_equal(history[columns], resumed_history[columns])


@pytest.mark.parametrize("flipped", [False, True])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, flow, flipped):
    whole, _ = run_training(tmp_path / "out", flow)
    [last] = (tmp_path / "out" / "checkpoints").glob("*/epoch_0005_*.pt")
    content = bytearray(last.read_bytes())
    if flipped:
        content[len(content) // 2] ^= 1  # of which PyTorch takes no notice
    else:
        del content[1000:]
    last.write_bytes(content)
    resumed, history = run_training(tmp_path / "out", flow)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert torch.equal(whole.fc.weight, resumed.fc.weight)


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path, flow, caplog):
    run_training(tmp_path / "out", flow)
    fresh, _ = run_training(tmp_path / "fresh", flow, seed=1)
    with caplog.at_level(logging.INFO):
        other, _ = run_training(tmp_path / "out", flow, seed=1)
    assert "another training" in caplog.text
    assert "seed (1 here, 0 there)" in caplog.text
    assert torch.equal(fresh.fc.weight, other.fc.weight)


def test_a_loss_that_is_no_number_is_told(tmp_path, flow):
    with pytest.raises(MotionFitError, match=r"lower training\.learning_rate"):
        run_training(tmp_path / "out", flow, learning_rate=1e25)


def test_a_training_that_diverges_is_named_and_its_last_checkpoint_kept(
    tmp_path, flow, monkeypatch
):
    stepped = torch.optim.SGD.step
    steps = []

    def diverges(self, *arguments):
        result = stepped(self, *arguments)
        steps.append(None)
        if len(steps) == 6:  # the last of epoch 2, after the last loss of it
            with torch.no_grad():
                self.param_groups[0]["params"][0].view(-1)[0] = float("inf")
        return result

    monkeypatch.setattr(torch.optim.SGD, "step", diverges)
    folder = tmp_path / "motion" / "split1"
    with pytest.raises(MotionFitError) as error:
        run_training(folder, flow)
    assert str(error.value).startswith(f"{folder}: the training has diverged: weights became inf")
    assert "in epoch 2, at a learning rate of 0.02: lower" in str(error.value)
    assert "of 'motion' in the config" in str(error.value)
    [kept] = folder.glob("checkpoints/*/epoch_*.pt")
    assert kept.name == "epoch_0002_step_00000000.pt"


def train_by_single_clips(folder, flow, **changes):
    training = Training(**{**SHORT, "epochs": 1, "clips_per_video": 1, **changes})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    index = make_index(labels(12), test={"v10"})
    train_motion_model(recipe, ALL_LABELS, index, 1, flow, ONE, folder / "model.pt")


@pytest.mark.parametrize(
    "changes", [{"batch_size": 1}, {"batch_size": 10}, {"batch_size": 4, "accumulate": 4}]
)
def test_a_batch_of_one_value_is_refused_before_anything_is_learned(tmp_path, flow, changes):
    with pytest.raises(MotionFitError, match="batch normalisation needs more than one value"):
        train_by_single_clips(tmp_path / "one", flow, crop=16, **changes)
    assert not list((tmp_path / "one").glob("**/*.pt"))
    train_by_single_clips(tmp_path / "two", flow, crop=24, **changes)


def test_a_part_that_unreadable_videos_leave_one_value_of_is_told(tmp_path, flow, monkeypatch):
    sample = MultiClipDataset._sample

    def fails(self, draw):
        if self.videos[draw.video].video != "v00":
            raise MotionFitError("unreadable")
        return sample(self, draw)

    monkeypatch.setattr(MultiClipDataset, "_sample", fails)
    monkeypatch.setattr(checks, "MAX_UNREADABLE", 1)
    with pytest.raises(MotionFitError, match="batch normalisation needs more than one value"):
        train_by_single_clips(tmp_path / "one", flow, crop=16, batch_size=11)


def test_a_motion_model_learns_and_leaves_no_checkpoints(tmp_path, flow):
    longer = Training(**{**SHORT, "epochs": 8, "milestones": [6]})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=longer)
    index = make_index(labels(12), test={"v10", "v11"})
    output = tmp_path / "model" / "model.pt"
    train_motion_model(recipe, ALL_LABELS, index, 1, flow, ONE, output)
    _, about = load_model(output)
    assert (about.modality, about.classes, about.clip_length) == ("flow", ["left", "right"], 4)
    assert about.frame_size == [28, 32]
    history = pd.read_csv(output.with_name("history.csv"))
    assert history["train_accuracy"].iloc[-1] == 1
    assert not output.with_name("checkpoints").exists()


def test_validation_videos_are_not_trained_on(tmp_path, flow, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "motionfit.training.run.train",
        lambda objective, training, validation, *rest, **more: seen.update(
            training={v.video for v in training.videos},
            validation={v.video for v in validation.videos},
        ),
    )
    training = Training(**{**SHORT, "validation_fraction": 0.25})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    train_motion_model(
        recipe, ALL_LABELS, make_index(labels(12)), 1, flow, ONE, tmp_path / "model.pt"
    )
    assert len(seen["validation"]) == 3
    assert seen["training"] | seen["validation"] == set(labels(12))
    assert not seen["training"] & seen["validation"]


def test_the_validation_loss_is_that_of_the_network_as_it_is(tmp_path, flow):
    training = Training(**{**SHORT, "validation_fraction": 0.25, "epochs": 8, "milestones": [6]})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    train_motion_model(
        recipe, ALL_LABELS, make_index(labels(12)), 1, flow, ONE, tmp_path / "model.pt"
    )
    history = pd.read_csv(tmp_path / "history.csv")
    network, _ = load_model(tmp_path / "model.pt")
    store = ClipStore(flow, ["0000"], "flow")
    rows = make_index(labels(12))
    _, validation_set = training_and_validation(
        rows,
        with_labels(rows, store, ["left", "right"]),
        (store, None),
        4,
        training,
        keep_classes=True,
    )
    objective = ClipLosses(network, "flow", training, 2)
    batch, _ = validation_set.collate([validation_set[Draw(i)] for i in range(len(validation_set))])
    loss, hits = objective.eval()(batch)
    assert loss.item() == pytest.approx(history["validation_loss"].iloc[-1], rel=1e-4)
    right, count = hits["accuracy"].tolist()
    assert right / count == history["validation_accuracy"].iloc[-1]


@pytest.fixture
def accelerating(tmp_path):
    """Flow that grows with time, so that clips differ in their order alone."""
    speed = np.linspace(0, 6, 24, dtype=np.float32)[:, None, None, None]
    field = np.broadcast_to(speed, (24, 28, 32, 2))
    make_flow(tmp_path / "flow" / "0000.h5", {f"v{i:02d}": field for i in range(12)}, bound=8)
    return tmp_path / "flow"


def test_clip_order_is_learned_without_labels(tmp_path, accelerating):
    training = Training(
        **{
            **SHORT,
            "epochs": 20,
            "milestones": [15],
            "clips_per_video": 2,
            "multi_clip_weight": 0,
            "clip_gap": 2,
        }
    )
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    output = tmp_path / "model.pt"
    train_motion_model(recipe, ALL_LABELS, make_index(labels(12)), 1, accelerating, ONE, output)
    history = pd.read_csv(output.with_name("history.csv"))
    assert "train_accuracy" not in history
    assert history["train_order_accuracy"].iloc[-5:].mean() > 0.9
    assert load_model(output)[1].learned == Learned.CLIP_ORDER


def test_clip_order_does_not_see_labels(tmp_path, accelerating):
    training = Training(**{**SHORT, "epochs": 2, "multi_clip_weight": 0, "clip_gap": 2})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    swapped = {v: {"left": "right", "right": "left"}[name] for v, name in labels(12).items()}
    layers = []
    for name, of_videos in (("one", labels(12)), ("other", swapped)):
        output = tmp_path / name / "model.pt"
        train_motion_model(recipe, ALL_LABELS, make_index(of_videos), 1, accelerating, ONE, output)
        layers.append(load_model(output)[0].layer4[0].conv1[0][0].weight)
    assert torch.equal(*layers)


def test_labels_and_clip_order_are_learned_together(tmp_path, flow):
    training = Training(**{**SHORT, "multi_clip_weight": 0.5, "clip_gap": 8})
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=training)
    output = tmp_path / "model.pt"
    train_motion_model(recipe, ALL_LABELS, make_index(labels(12)), 1, flow, ONE, output)
    history = pd.read_csv(output.with_name("history.csv"))
    assert {"train_accuracy", "train_order_accuracy"} <= set(history)
    assert load_model(output)[1].learned == Learned.LABELS


def test_the_order_of_an_epoch_is_the_same_for_workers_that_start_with_it(flow):
    """As in a resumed training."""
    store = ClipStore(flow, ["0000"], "flow")
    videos = [whole_video(f"v{i:02d}", 8, i) for i in range(12)]
    data = MultiClipDataset(store, videos, 4, Training(clips_per_video=1, crop=24), True)

    def orders(epochs, workers):
        batches = Batches(data, 4, seed=0)
        loader = batch_loader(batches, workers)
        for epoch in epochs:
            batches.set_epoch(epoch)
            yield [int(label) for batch, _ in loader for label in batch.labels]

    first, second = orders([1, 2], workers=0)
    assert first != second
    assert list(orders([2], workers=0)) == [second]
    assert list(orders([2, 1], workers=1)) == [second, first]


CHANGES = {
    "clip_length": {"clip_length": 6},
    "labels": {"labels": LabelledPart(label_fraction=0.5)},
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
        "clip_length": 4,
        "labels": ALL_LABELS,
        "model": tmp_path / "source.pt",
        "index": make_index(labels(12)),
        "split": 1,
        "clips": flow,
        "compute": ONE,
        "output": tmp_path / "out" / "tuned.pt",
    }
    die_at_epoch(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(recipe, **options)
    monkeypatch.undo()
    with caplog.at_level(logging.INFO):
        fine_tune(recipe, **{**options, **CHANGES[change]})
    assert ("resuming in epoch 2" in caplog.text) == (change == "nothing")


def test_the_identity_of_a_training_includes_the_code_of_its_stage(tmp_path, flow, monkeypatch):
    """The stage chooses the objective and freezes layers."""
    codes = []
    monkeypatch.setattr("motionfit.training.run.code_version", lambda *modules: modules)
    monkeypatch.setattr(
        "motionfit.training.run.train",
        lambda _objective, _training, _validation, _recipe, identity, *_: codes.append(
            identity["code"]
        ),
    )
    index, model = make_index(labels(12)), tmp_path / "model.pt"
    recipe = MotionModel(dataset="d", flow="f", network=SMALL, training=Training(**SHORT))
    train_motion_model(recipe, ALL_LABELS, index, 1, flow, ONE, model)
    tuned = tmp_path / "out" / "tuned.pt"
    fine_tune(FineTuning(**SHORT), 4, ALL_LABELS, model, index, 1, flow, ONE, tuned)
    stages = [stage_module(name) for name in ("motion_model", "fine_tuning")]
    assert [code[0] for code in codes] == stages


def test_a_target_of_another_frame_rate_is_told(tmp_path, caplog):
    flow = tmp_path / "flow"
    make_flow(flow / "0000.h5", fields(4), bound=8, rate=25.0)
    save_model(
        build_network("r2plus1d_small", "flow", 2, seed=3),
        described("flow", ["a", "b"], 4, [28, 32], 24),
        tmp_path / "source.pt",
    )
    fine_tune(
        FineTuning(**{**SHORT, "epochs": 1}),
        4,
        ALL_LABELS,
        tmp_path / "source.pt",
        make_index(labels(4)),
        1,
        flow,
        ONE,
        tmp_path / "out" / "tuned.pt",
    )
    assert caplog.text.count("the target has 25 frames per second") == 1
    assert load_model(tmp_path / "out" / "tuned.pt")[1].rate == 25


def test_two_trainings_do_not_share_a_folder(tmp_path):
    with lock(tmp_path), pytest.raises(MotionFitError, match="another training is running"):
        lock(tmp_path).__enter__()


def test_a_clip_longer_than_every_video_is_told(tmp_path, flow):
    recipe = MotionModel(
        dataset="d", flow="f", network=Network(backbone="r2plus1d_small", clip_length=9)
    )
    with pytest.raises(MotionFitError, match=r"clip_length is 9, but the longest .* 8 frames"):
        train_motion_model(
            recipe, ALL_LABELS, make_index(labels(12)), 1, flow, ONE, tmp_path / "model.pt"
        )


def test_self_training_learns_a_label_a_clip(tmp_path):
    """Clips of a video have different labels: one for its first, dark half, one for the second."""
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
        recipe, index, 1, pseudo_labels, tmp_path / "frames", ONE, tmp_path / "model.pt"
    )
    _, about = load_model(tmp_path / "model.pt")
    assert about.classes == ["0", "1"]
    assert about.history[0] == "random weights"
    assert about.history[1].startswith("2 pseudo-labels of 12 videos of ")
    assert about.licence is None
    assert pd.read_csv(tmp_path / "history.csv")["train_accuracy"].iloc[-1] == 1


@pytest.mark.parametrize("freeze_bn", [False, True])
@pytest.mark.parametrize("layers", ["last", "all"])
def test_fine_tuning_changes_the_layers_it_should(tmp_path, flow, layers, freeze_bn):
    network = build_network("r2plus1d_small", "flow", 5, seed=3)
    about = described("flow", list("abcde"), 4, [28, 32], 24)
    save_model(network, about, tmp_path / "source.pt")
    recipe = FineTuning(**{**SHORT, "epochs": 1}, layers=layers, freeze_bn=freeze_bn)
    fine_tune(
        recipe,
        4,
        ALL_LABELS,
        tmp_path / "source.pt",
        make_index(labels(12)),
        1,
        flow,
        ONE,
        tmp_path / "tuned.pt",
    )
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
        fine_tune(
            recipe,
            4,
            LabelledPart(label_fraction=0.5),
            tmp_path / "source.pt",
            make_index(labels(12)),
            1,
            flow,
            ONE,
            tmp_path / "tuned.pt",
        )
    assert "6 training videos, 0 validation videos" in caplog.text
    _, tuned = load_model(tmp_path / "tuned.pt")
    start, step = tuned.history
    assert start == "weights of a model without a history"
    assert re.fullmatch(r"labels of 6 videos of .*, split 1 \(50% of the labels\)", step)


def test_balanced_sampling_sees_each_pseudo_label_as_often(tmp_path):
    """Label 0 has 90% of the windows, and most videos have no other label."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        for start in range(0, 40, 8):
            rare = i % 2 == 0 and start == 0
            rows.append((f"v{i:02d}", start, 8, 1 + int(rng.integers(2)) if rare else 0))
    table = pd.DataFrame(rows, columns=["video", "start", "length", "label"])
    make_frames(tmp_path / "0000.h5", {f"v{i:02d}": moving_square(40) for i in range(40)})
    store = ClipStore(tmp_path, ["0000"], "frames")
    shares = {}
    for balanced in (False, True):
        rows, videos = with_pseudo_labels(make_index(labels(40)), table)
        recipe = SelfTraining(
            clips_per_video=3, crop=16, flip=False, validation_fraction=0, balanced=balanced
        )
        data, _ = training_and_validation(rows, videos, (store, None), 4, recipe, False)
        batches, seen = Batches(data, 8, seed=1), []
        for epoch in range(12):
            batches.set_epoch(epoch)
            draws = [draw for batch in batches for draw in batch]
            assert len(draws) == 40
            seen += [int(label) for draw in draws for label in data[draw].labels]
        shares[balanced] = np.bincount(seen, minlength=3) / len(seen)
    assert shares[False][0] == pytest.approx(0.9, abs=0.05)
    assert shares[True] == pytest.approx([1 / 3] * 3, abs=0.06)


def test_a_video_that_comes_twice_in_an_epoch_gives_other_clips(tmp_path):
    make_frames(tmp_path / "0000.h5", {"rare": moving_square(40), "often": moving_square(40)})
    store = ClipStore(tmp_path, ["0000"], "frames")
    windows = [["rare", 0, 40, 1], *(["often", s, 4, 0] for s in range(0, 40, 4))]
    table = pd.DataFrame(windows, columns=["video", "start", "length", "label"])
    rows, videos = with_pseudo_labels(make_index({"rare": "", "often": ""}), table)
    recipe = SelfTraining(clips_per_video=1, crop=16, validation_fraction=0, balanced=True)
    data, _ = training_and_validation(rows, videos, (store, None), 4, recipe, False)
    batches, pairs = Batches(data, 2, seed=0), []
    for epoch in range(9):
        batches.set_epoch(epoch)
        pairs += list(batches)
    twice = next(pair for pair in pairs if pair[0].video == pair[1].video)
    assert [draw.repetition for draw in twice] == [0, 1]
    first, second = (data[draw].clips.pixels for draw in twice)
    assert not torch.equal(first, second)


@pytest.fixture
def both(tmp_path, flow):
    """The flow, and frames of the same videos that show no motion."""
    still = {name: moving_square(8, 28, 32) for name in fields(12)}
    make_frames(tmp_path / "frames" / "0000.h5", still)
    return tmp_path / "frames", flow


def test_a_motion_model_on_rgb(tmp_path, both):
    frames, _ = both
    recipe = MotionModel(
        dataset="d", flow=None, frame_size=(28, 32), network=SMALL, training=Training(**SHORT)
    )
    train_motion_model(
        recipe, ALL_LABELS, make_index(labels(12)), 1, frames, ONE, tmp_path / "model.pt"
    )
    network, about = load_model(tmp_path / "model.pt")
    assert about.modality == "frames"
    assert network.stem[0].in_channels == 3


@pytest.fixture
def teacher(tmp_path):
    about = described("flow", ["left", "right"], 4, [28, 32], 24)
    save_model(build_network("r2plus1d_small", "flow", 2, seed=7), about, tmp_path / "teacher.pt")
    return tmp_path / "teacher.pt"


def test_mers_learns_the_features_of_the_teacher(tmp_path, both, teacher):
    recipe = AppearanceModel(
        pseudo_labels=None,
        mers=Mers(motion_model="m", dataset="d"),
        network=SMALL,
        frame_size=(28, 32),
        training=SelfTraining(**{**SHORT, "epochs": 8, "milestones": [7], "learning_rate": 0.1}),
    )
    index = make_index(labels(12), test={"v11"})
    output = tmp_path / "mers" / "model.pt"
    train_taught_model(recipe, index, 1, teacher, *both, ONE, output)
    history = pd.read_csv(output.with_name("history.csv"))
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert "train_accuracy" not in history
    _, about = load_model(output)
    assert about.learned == Learned.TEACHER_FEATURES
    assert about.history[1].startswith("a motion model's features of 11 videos of ")
    # The labels of the source are not used.
    unlabelled = index.assign(label="")
    other = tmp_path / "other" / "model.pt"
    train_taught_model(recipe, unlabelled, 1, teacher, *both, ONE, other)
    assert torch.equal(
        load_model(output)[0].layer1[0].conv1[0][0].weight,
        load_model(other)[0].layer1[0].conv1[0][0].weight,
    )


def test_mars_brings_the_features_near_the_teachers(tmp_path, both, teacher):
    frames, flow = both
    about = described("frames", ["none"], 4, [28, 32], 24)
    save_model(build_network("r2plus1d_small", "frames", 1, seed=3), about, tmp_path / "random.pt")
    tuning = {**SHORT, "epochs": 12, "milestones": [11], "layers": "all", "learning_rate": 0.005}
    distances = {}
    for name, mars in (("without", None), ("with", Mars(motion_model="m"))):
        output = tmp_path / name / "model.pt"
        fine_tune(
            FineTuning(**tuning, mars=mars),
            4,
            ALL_LABELS,
            tmp_path / "random.pt",
            make_index(labels(12)),
            1,
            frames,
            ONE,
            output,
            *((teacher, flow) if mars else ()),
        )
        student, about = load_model(output)
        assert about.classes == ["left", "right"]
        stores = [ClipStore(folder, ["0000"], folder.name) for folder in both]
        clips = [centre_crop(store.read("v00", 0, 4), 24)[None] for store in stores]
        inputs = [
            network_input(torch.from_numpy(clip), store.modality)
            for clip, store in zip(clips, stores, strict=True)
        ]
        with torch.no_grad():
            features = student.features(inputs[0]), load_model(teacher)[0].features(inputs[1])
        distances[name] = float((features[0] - features[1]).square().mean())
    assert distances["with"] < 0.5 * distances["without"]


def test_a_teacher_that_can_not_teach(tmp_path, both):
    _, flow = both
    student = build_network("r2plus1d_small", "frames", 1, seed=0)
    index = make_index(labels(12))
    on_rgb = described("frames", ["a", "b"], 4, [28, 32], 24)
    save_model(build_network("r2plus1d_small", "frames", 2, seed=0), on_rgb, tmp_path / "rgb.pt")
    with pytest.raises(MotionFitError, match="does not read flow"):
        load_teacher(tmp_path / "rgb.pt", student, flow, index)
    large = replace(described("flow", ["a", "b"], 4, [28, 32], 24), backbone="s3d")
    save_model(build_network("s3d", "flow", 2, seed=0), large, tmp_path / "large.pt")
    with pytest.raises(MotionFitError, match="gives 1024 features"):
        load_teacher(tmp_path / "large.pt", student, flow, index)
