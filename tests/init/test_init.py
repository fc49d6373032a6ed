"""`motionfit init` writes a config that fits the videos and runs."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torchvision.models.video import r2plus1d_18

from motionfit.cli import main
from motionfit.config import load_config
from motionfit.config_checks import check_data_set
from motionfit.datasets.build import build_index
from motionfit.datasets.demo import write_video
from motionfit.evaluation.comparison import FEWEST_REPEATS
from motionfit.init import commands
from motionfit.init.choices import (
    Machine,
    choose,
    choose_clips,
    choose_clusters,
    choose_folds,
    choose_rate,
    choose_steps,
    trains_all_classes,
)
from motionfit.init.look import look_at_labelled
from motionfit.init.write import torchvision_weights
from tests.videos import make_video

WORKSTATION = Machine(cores=16, gpu=True, bf16=False)
LAPTOP = Machine(cores=4, gpu=False, bf16=False)


def labelled_folder(folder, videos=4, **options):
    for label in ("wave", "jump"):
        (folder / label).mkdir(parents=True)
        for i in range(videos):
            make_video(folder / label / f"{label}{'abcdefgh'[i]}.mp4", 16, **options)
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
    assert "damaged            1 of the sample: broken.mp4" in printed
    assert "motionfit estimate --directory" in printed
    assert "About 12 per class, from 6 groups or more" in printed


def test_colours_change_in_fine_tuning_only(tmp_path):
    config = written(tmp_path / "run", labelled_folder(tmp_path / "labelled"))
    learned = [config.motion_models["motion"], config.appearance_models["appearance"]]
    assert not any(model.training.augmentation.changes_colours for model in learned)
    tuned = {name: recipe.fine_tuning for name, recipe in config.evaluations.items()}
    assert tuned["motionfit"].augmentation.changes_colours
    assert tuned["random"] == tuned["motionfit"]
    # Otherwise, a still frame that tells the class by its colours might not be noticed.
    assert not tuned["still"].augmentation.changes_colours
    zooms = {
        recipe.augmentation.zoom for recipe in (learned[1].training, *filter(None, tuned.values()))
    }
    assert len(zooms) == 1


def test_odd_names_survive(tmp_path, capsys):
    folder = labelled_folder(tmp_path / 'it\'s # a: "test" ü')
    config = written(tmp_path / "my run #1", folder)
    assert config.datasets["labelled"].videos == folder  # an absolute path
    options = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert str(tmp_path / "my run #1" / "config.yaml") in options


def test_the_printed_command_runs_in_another_folder(tmp_path, monkeypatch, capsys):
    folder = labelled_folder(tmp_path / "videos")
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "run", folder)
    [_, snakefile] = capsys.readouterr().out.splitlines()[-1].split(" --snakefile ")
    assert Path(snakefile).is_file()


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


def people(folder):
    """Two clips of each of six persons in each class."""
    for label in ("wave", "jump"):
        (folder / label).mkdir(parents=True)
        for person in range(6):
            for clip in (1, 2):
                make_video(folder / label / f"person{person}_{label}_{clip}.mp4", 8)
    return sorted(path.relative_to(folder) for path in folder.rglob("*.mp4"))


def write_labels(folder, rows):
    lines = ["path,label,split" if len(rows[0]) == 3 else "path,label"]
    (folder / "labels.csv").write_text("\n".join([*lines, *(",".join(map(str, r)) for r in rows)]))


def test_a_split_of_the_user_is_kept(tmp_path):
    folder = tmp_path / "videos"
    videos = people(folder)
    rows = [(v, v.parts[0], "test" if "person5" in v.name else "train") for v in videos]
    write_labels(folder, rows)
    recipe = written(tmp_path / "run", folder).datasets["labelled"]
    assert recipe.labels == folder / "labels.csv"
    assert recipe.folds is None
    assert not (tmp_path / "run" / "labels.csv").exists()


def test_groups_are_added_to_the_labels_of_the_user(tmp_path):
    folder = tmp_path / "videos"
    videos = people(folder)
    write_labels(folder, [(v, v.parts[0]) for v in videos[:-1]] + [(videos[-1], "")])
    config = written(tmp_path / "run", folder)
    rows = pd.read_csv(tmp_path / "run" / "labels.csv", keep_default_na=False)
    assert sorted(rows["path"]) == sorted(map(str, videos))
    assert set(rows.loc[rows["label"] != "", "group"]) == {f"person{i}" for i in range(6)}
    assert str(config.datasets["labelled"].labels) == "labels.csv"


def test_numbers_are_groups_only_if_their_videos_look_alike(tmp_path, capsys):
    for kind in ("recordings", "counted"):
        rng = np.random.default_rng(0)
        colours = rng.integers(0, 255, (8, 3))
        for i, label in enumerate(("wave", "jump", "sit")):
            (tmp_path / kind / label).mkdir(parents=True)
            for number in range(8):
                shown = number if kind == "recordings" else (3 * number + i) % 8
                frames = np.broadcast_to(colours[shown], (8, 32, 48, 3)).astype(np.uint8).copy()
                frames[:, 8:16, 8:16] = 255 - frames[:, 8:16, 8:16]
                write_video(tmp_path / kind / label / f"{number}.mp4", frames)
        names = look_at_labelled(tmp_path / kind).index["group"]
        assert (names.nunique() == 8) == (kind == "recordings")


def test_weights_of_kinetics_add_two_networks(tmp_path, monkeypatch, capsys):
    weights = tmp_path / "torch" / "hub" / "checkpoints" / "r2plus1d_18-1.pth"
    weights.parent.mkdir(parents=True)
    torch.save(r2plus1d_18().state_dict(), weights)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert torchvision_weights() == weights
    folder = labelled_folder(tmp_path / "videos")
    config = written(tmp_path / "run", folder, "--weights", weights)
    assert config.appearance_models["kinetics"].network.weights == weights
    tuned = {name: recipe.fine_tuning for name, recipe in config.evaluations.items()}
    assert tuned["kinetics"] == tuned["kinetics-motionfit"]
    assert tuned["kinetics"].augmentation == tuned["random"].augmentation
    assert config.appearance_models["kinetics-motionfit"].pseudo_labels == "clusters"
    assert config.evaluations["kinetics"].fine_tuning.learning_rate == 0.001
    torch.save({"w": torch.zeros(1)}, weights)
    assert main(
        ["init", str(tmp_path / "no"), "--labelled", str(folder), "--weights", str(weights)]
    )
    assert "does not contain weights of r2plus1d_18" in capsys.readouterr().err


def test_with_a_gpu_the_config_has_the_paper_s_sizes(tmp_path):
    config = written(tmp_path / "run", labelled_folder(tmp_path / "labelled"), "--device", "gpu")
    assert min(config.appearance_models["appearance"].frame_size) == 128
    assert config.appearance_models["appearance"].training.crop == 112
    assert config.appearance_models["appearance"].network.backbone == "r2plus1d_18"
    assert config.resources.motion_model.gpu == 1


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize(
    "options",
    [
        {"videos": 2},
        {"height": 64, "width": 36},  # portrait
        {"height": 120, "width": 160, "step": 3},
    ],
)
def test_the_config_fits_what_was_found(tmp_path, options, device):
    """The checks that a run makes find no problem."""
    folder = labelled_folder(tmp_path / "videos", **options)
    config = written(tmp_path / "run", folder, "--device", device)
    index = build_index(config.datasets["labelled"])
    assert check_data_set(config, "labelled", index).problems == []
    height, width = config.flow["tvl1"].size
    assert (height > width) == (options.get("height", 32) > options.get("width", 48))
    crop = config.motion_models["motion"].training.crop
    assert crop <= min(height, width)


def test_the_flow_is_as_small_as_motion_allows(tmp_path):
    """At 36 pixels, a square of these large frames moves less than a pixel per frame."""
    large = {"height": 240, "width": 320}
    slow = written(tmp_path / "slow", labelled_folder(tmp_path / "videos1", step=2, **large))
    fast = written(tmp_path / "fast", labelled_folder(tmp_path / "videos2", step=12))
    assert min(slow.flow["tvl1"].size) == 128
    assert min(fast.flow["tvl1"].size) < 128


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
        (["--labelled", "missing"], "error: --labelled: there is no folder missing"),
        (["--labelled", "videos/wave"], "outside of class folders"),
        (["--labelled", "one"], "has one class"),
        (["--labelled", "single"], "one video of the class 'b'"),
        (["--labelled", "broken"], "none of 4 videos in broken can be used"),
        (["--labelled", "videos", "--unlabelled", "."], "contains the other"),
        (["--labelled", "videos", "--unlabelled", "one"], "clusters need 8 or more"),
        (["--labelled", "tapes"], "each class in tapes is in one group only"),
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
    for name in ("a/1", "a/2", "b/3", "b/4"):
        (tmp_path / "tapes" / name).parent.mkdir(parents=True, exist_ok=True)
        make_video(tmp_path / "tapes" / f"{name}.mp4", 8)
    rows = ["path,label,group", "a/1.mp4,a,1", "a/2.mp4,a,1", "b/3.mp4,b,2", "b/4.mp4,b,2"]
    (tmp_path / "tapes" / "labels.csv").write_text("\n".join(rows))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert main(["init", "run", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_the_end_of_the_input_is_no_folder(tmp_path, monkeypatch, capsys):
    def end(_):
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", end)
    assert main(["init", str(tmp_path / "run")]) == 1
    assert "give --labelled" in capsys.readouterr().err


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
    ("usual", "long", "rate", "fps", "length"),
    [
        (3.0, 5.0, 30, 5, 16),  # a clip spans the video
        (60.0, 60.0, 30, 5, 16),  # or an action
        (1.0, 1.0, 30, 16, 16),
        (0.4, 0.4, 25, 25, 10),  # a video without 16 frames
        (1.0, 1.0, 12, 12, 12),  # no video has 16 frames
        (60.0, 2.0, 30, 5, 10),  # no unlabelled video has 16 frames
        (10.0, 10.0, 2, 2, 16),  # the rate of the videos is the limit
        (100.0, 100.0, 0.5, 0.5, 16),
    ],
)
def test_a_clip_spans_an_action(usual, long, rate, fps, length):
    chosen_fps, chosen_length = choose_rate(usual, long, rate)
    assert (chosen_fps.value, chosen_length.value) == (fps, length)


def test_long_source_videos_are_labelled_clip_by_clip():
    assert [choice.value for choice in choose_clips(20, 16)] == [4, "video"]
    assert [choice.value for choice in choose_clips(300, 16)] == [16, "clip"]


def test_clusters_grow_with_the_source():
    assert choose_clusters(10, 200, "video").value == 16
    assert choose_clusters(10, 20_000, "clip").value == 400
    assert choose_clusters(10, 10**7, "clip").value == 1000
    assert choose_clusters(10, 20, "video").value == 5  # at least four per cluster


def with_groups(labelled, groups):
    """The labelled videos with other groups: {group: [labels of its videos]}."""
    rows = [
        {"video": f"{group}{i}", "label": label, "group": group}
        for group, labels in groups.items()
        for i, label in enumerate(labels)
    ]
    return replace(labelled, index=pd.DataFrame(rows))


def test_folds_train_on_all_classes(tmp_path):
    labelled = look_at_labelled(labelled_folder(tmp_path / "videos"))
    assert choose_folds(labelled).value == 4
    both = {str(i): ["a", "b"] for i in range(3)}
    assert choose_folds(with_groups(labelled, both)).value == 3
    # Two groups of class b that one fold may take together.
    few = {"1": ["b", "a"], "2": ["b", "a"], **{str(i): ["a"] * 4 for i in range(3, 9)}}
    chosen = choose_folds(with_groups(labelled, few)).value
    assert trains_all_classes(with_groups(labelled, few), chosen or 2) == bool(chosen)
    many = pd.concat([labelled.index] * 200)
    assert choose_folds(replace(labelled, index=many)).value is None


@pytest.mark.parametrize(("folds", "seeds"), [(4, 2), (3, 2), (2, 3)])
def test_there_are_enough_trainings_for_a_verdict(tmp_path, folds, seeds):
    labelled = look_at_labelled(labelled_folder(tmp_path / "videos", videos=folds))
    choices = choose(labelled, None, LAPTOP)
    assert (choices.folds.value, choices.seeds.value) == (folds, seeds)
    assert folds * (seeds - 1) >= FEWEST_REPEATS
    assert choices.threads == 1


def test_steps_are_some_passes_over_many_videos():
    few, many = choose_steps(100, 200, WORKSTATION), choose_steps(9600, 240_000, WORKSTATION)
    assert few["appearance"].value == 10_000
    assert many["motion"].value == 120 * 1200
    assert many["appearance"].value == 45 * 15_000
    assert choose_steps(100, 200, LAPTOP)["motion"].value == 900
    assert choose_steps(9600, 240_000, LAPTOP)["motion"].value == 10 * 2400
