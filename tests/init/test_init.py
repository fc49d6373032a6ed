"""`motionfit init` writes a config that fits the videos and runs."""

import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from motionfit.cli import main
from motionfit.config import load_config
from motionfit.init import commands
from motionfit.init.choices import (
    Machine,
    choose,
    choose_clips,
    choose_clusters,
    choose_folds,
    choose_rate,
    choose_steps,
)
from motionfit.init.look import look_at_labelled, look_at_unlabelled
from motionfit.init.text import config_text
from motionfit.init.write import torchvision_weights
from tests.videos import make_video

WORKSTATION = Machine(cores=16, gpu=True, bf16=False)
LAPTOP = Machine(cores=4, gpu=False, bf16=False)


def labelled_folder(folder, step=1, videos=4):
    for label in ("wave", "jump"):
        (folder / label).mkdir(parents=True)
        for i in range(videos):
            make_video(folder / label / f"{label}{'abcdefgh'[i]}.mp4", 16, step=step)
    return folder


def written(run, labelled, *options):
    assert main(["init", str(run), "--labelled", str(labelled), *map(str, options)]) == 0
    return load_config(yaml.safe_load((run / "config.yaml").read_text()))


def test_the_config_fits_the_videos(tmp_path, capsys):
    labelled = labelled_folder(tmp_path / "labelled")
    unlabelled = labelled_folder(tmp_path / "unlabelled")
    (unlabelled / "broken.mp4").write_text("no video")
    config = written(tmp_path / "run", labelled, "--unlabelled", unlabelled)
    assert config.datasets["labelled"].folds == 4
    assert config.datasets["labelled"].fps == config.datasets["unlabelled"].fps
    assert config.pseudo_labels["clusters"].dataset == "unlabelled"
    assert config.seeds == 2
    assert config.evaluations["random"].fine_tuning == config.evaluations["motionfit"].fine_tuning
    printed = capsys.readouterr().out
    assert "2: jump 4, wave 4" in printed
    assert "not readable       1 of the sample: broken.mp4" in printed
    assert "motionfit estimate --directory" in printed


def test_odd_names_survive(tmp_path, capsys):
    folder = labelled_folder(tmp_path / 'it\'s # a: "test" ü')
    config = written(tmp_path / "my run #1", folder)
    assert config.datasets["labelled"].videos == folder
    options = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert str(tmp_path / "my run #1" / "config.yaml") in options


def test_without_unlabelled_videos_the_labelled_ones_are_the_source(tmp_path):
    config = written(tmp_path / "run", labelled_folder(tmp_path / "run" / "videos"))
    assert config.pseudo_labels["clusters"].dataset == "labelled"
    assert str(config.datasets["labelled"].videos) == "videos"  # the folder can be moved


def test_faster_motion_gets_a_larger_bound(tmp_path):
    slow = written(tmp_path / "slow", labelled_folder(tmp_path / "videos1", step=1))
    fast = written(tmp_path / "fast", labelled_folder(tmp_path / "videos2", step=2))
    bounds = [config.flow["tvl1"].bound for config in (slow, fast)]
    assert bounds[0] < bounds[1] <= 2 * bounds[0] + 1


def test_groups_in_names_are_written_for_the_user_to_check(tmp_path, capsys):
    folder = tmp_path / "videos"
    for label in ("wave", "jump"):
        (folder / label).mkdir(parents=True)
        for person in range(6):
            make_video(folder / label / f"person{person}_{label}.mp4", 8)
    config = written(tmp_path / "run", folder)
    rows = pd.read_csv(tmp_path / "run" / "labels.csv")
    assert rows["group"].nunique() == 6
    assert str(config.datasets["labelled"].labels) == "labels.csv"
    assert "groups           6, guessed by the person in each name" in capsys.readouterr().out


def test_a_labels_csv_is_used_as_it_is(tmp_path):
    folder = labelled_folder(tmp_path / "videos")
    videos = sorted(folder.rglob("*.mp4"))
    lines = [
        f"{video.relative_to(folder)},{'ab'[i % 2]},{'train' if i < 4 else 'test'}"
        for i, video in enumerate(videos)
    ]
    (folder / "labels.csv").write_text("\n".join(["path,label,split", *lines]))
    recipe = written(tmp_path / "run", folder).datasets["labelled"]
    assert recipe.labels == folder / "labels.csv"
    assert recipe.folds is None


def test_weights_of_kinetics_add_two_networks(tmp_path, monkeypatch):
    weights = tmp_path / "torch" / "hub" / "checkpoints" / "r2plus1d_18-1.pth"
    weights.parent.mkdir(parents=True)
    weights.touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert torchvision_weights() == weights
    config = written(tmp_path / "run", labelled_folder(tmp_path / "videos"), "--weights", weights)
    assert config.appearance_models["kinetics"].network.weights == weights
    assert config.appearance_models["kinetics-motionfit"].pseudo_labels == "clusters"
    assert config.evaluations["kinetics"].fine_tuning.learning_rate == 0.001


def test_with_a_gpu_the_config_has_the_paper_s_sizes(tmp_path):
    labelled = look_at_labelled(labelled_folder(tmp_path / "labelled"))
    unlabelled = look_at_unlabelled(labelled_folder(tmp_path / "unlabelled"))
    choices = choose(labelled, unlabelled, WORKSTATION)
    text = config_text(tmp_path, labelled, unlabelled, None, None, choices)
    config = load_config(yaml.safe_load(text))
    assert min(config.appearance_models["appearance"].frame_size) == 128
    assert config.appearance_models["appearance"].training.crop == 112
    assert config.appearance_models["appearance"].network.backbone == "r2plus1d_18"
    assert config.resources.motion_model.gpu == 1


def test_what_exists_is_kept(tmp_path, capsys):
    folder = labelled_folder(tmp_path / "videos")
    written(tmp_path / "run", folder)
    before = (tmp_path / "run" / "config.yaml").read_text()
    assert main(["init", str(tmp_path / "run"), "--labelled", str(folder)]) == 1
    assert "config.yaml exists already" in capsys.readouterr().err
    assert (tmp_path / "run" / "config.yaml").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --labelled"),
        (["--labelled", "missing"], "there is no folder missing"),
        (["--labelled", "videos/wave"], "outside of class folders"),
        (["--labelled", "one"], "has one class"),
        (["--labelled", "single"], "one video of the class 'b'"),
        (["--labelled", "broken"], "none of 4 videos in broken can be used"),
        (["--labelled", "videos", "--unlabelled", "videos"], "in the same folder"),
        (["--labelled", "videos", "--weights", "w.pth"], "there is no file w.pth"),
    ],
)
def test_wrong_input_is_one_message_and_nothing_is_written(
    tmp_path, arguments, message, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    labelled_folder(tmp_path / "videos", videos=2)
    for name in ("one/a/1", "one/a/2", "single/a/1", "single/a/2", "single/b/1"):
        make_video(tmp_path / f"{name}.mp4", 8)
    for name in ("a/1", "a/2", "b/1", "b/2"):
        (tmp_path / "broken" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "broken" / f"{name}.mp4").write_text("no video")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert main(["init", "run", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_terminal_is_asked_for_the_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labelled_folder(tmp_path / "labelled")
    labelled_folder(tmp_path / "unlabelled")
    answers = iter(["labelled", "unlabelled"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    commands.init(tmp_path / "run")
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["datasets"]["unlabelled"]["videos"] == str(tmp_path / "unlabelled")


@pytest.mark.parametrize(
    ("usual", "rate", "fps", "length"),
    [
        (3.0, 30, 5, 16),  # a clip spans the video
        (60.0, 30, 5, 16),  # or an action
        (1.0, 30, 16, 16),
        (0.4, 25, 25, 10),  # a video without 16 frames
        (10.0, 2, 2, 16),  # the rate of the videos is the limit
        (100.0, 0.5, 0.5, 16),
    ],
)
def test_a_clip_spans_an_action(usual, rate, fps, length):
    chosen_fps, chosen_length = choose_rate(usual, rate)
    assert (chosen_fps.value, chosen_length.value) == (fps, length)


def test_long_source_videos_are_labelled_clip_by_clip():
    assert [choice.value for choice in choose_clips(20, 16)] == [4, "video"]
    assert [choice.value for choice in choose_clips(300, 16)] == [16, "clip"]


def test_clusters_grow_with_the_source():
    assert choose_clusters(10, 200, "video").value == 16
    assert choose_clusters(10, 20_000, "clip").value == 400
    assert choose_clusters(10, 10**7, "clip").value == 1000
    assert choose_clusters(10, 20, "video").value == 5  # at least four per cluster


def test_many_labelled_videos_need_no_folds(tmp_path):
    labelled = look_at_labelled(labelled_folder(tmp_path / "videos"))
    many = pd.concat([labelled.index] * 200)
    assert choose_folds(labelled).value == 4
    assert choose_folds(replace(labelled, index=many)).value is None
    one_group = labelled.index.assign(group=np.where(labelled.index["label"] == "wave", "a", "b"))
    assert choose_folds(replace(labelled, index=one_group)).value is None


def test_steps_on_a_gpu_are_the_paper_s_epochs_or_more():
    few, many = choose_steps(100, 200, WORKSTATION), choose_steps(9600, 240_000, WORKSTATION)
    assert few["appearance"].value == 10_000
    assert many["motion"].value == 120 * 1200
    assert many["appearance"].value == 45 * 15_000
    assert choose_steps(9600, 240_000, LAPTOP) == choose_steps(100, 200, LAPTOP)
