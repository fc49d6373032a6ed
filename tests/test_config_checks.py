import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from motionfit.config import load_config
from motionfit.config_checks import Findings, check_data_set, refuse_vanished
from motionfit.datasets.build import build_index
from motionfit.errors import MotionFitError
from tests.videos import make_video

TINY = Path(__file__).resolve().parents[0] / "workflow" / "tiny.yaml"
APPEARANCE = "appearance_models__appearance"


def check(dataset: str, index: pd.DataFrame, **changes: object) -> Findings:
    """Findings of a data set of the smallest config, after some changes to the config. In the name
    of a change, `__` separates the levels of the key."""
    values = json.loads(json.dumps(yaml.safe_load(TINY.read_text())))
    values["datasets"]["target"] = {"format": "folders", "videos": "target"}
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = values
        for key in parents:
            section = section.setdefault(key, {})
        section[last] = value
    return check_data_set(load_config(values), dataset, index)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> str:
    """A video of 20 frames."""
    return str(make_video(tmp_path_factory.mktemp("videos") / "v.mp4", frames=20))


def index_of(video: str, rows: list[str]) -> pd.DataFrame:
    """An index with one group per row. A row such as `wave train` has a label, or `-` for none, and
    optionally a part of split 1."""
    cells = [[*row.split(" "), ""][:2] for row in rows]
    return pd.DataFrame(
        {
            "video": [f"{i}.mp4" for i in range(len(rows))],
            "path": video,
            "label": [label.replace("-", "") for label, _ in cells],
            "group": [str(i) for i in range(len(rows))],
            "shard": "0000",
            "split1": [part for _, part in cells],
        }
    )


GOOD = ["wave train", "wave test", "jump train", "jump test"]


def test_a_good_data_set_has_no_findings(video):
    assert check("target", index_of(video, GOOD)) == Findings([], [])
    assert check("source", index_of(video, ["-"] * 4)) == Findings([], [])


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        (["wave train", "jump train"], ["split 1 has no test videos"]),
        (["wave test", "jump test"], ["split 1 has no training videos"]),
        (["-", "-"], ["split 1 has no training videos", "split 1 has no test videos"]),
        (["wave train", "wave test"], ["are of one class, 'wave'"]),
        (["wave train", "wave train"], ["are of one class, 'wave'", "has no test videos"]),
        ([*GOOD, "run test"], ["no training video of the class(es) run"]),
        (
            ["wave train", "jump test"],
            ["are of one class", "no training video of the class(es) jump"],
        ),
    ],
)
def test_all_problems_of_a_split_are_reported_at_once(video, rows, problems):
    messages = check("target", index_of(video, rows)).problems
    assert len(messages) == len(problems)
    for message, expected in zip(messages, problems, strict=True):
        assert expected in message


def test_a_class_without_test_videos_is_a_warning(video):
    found = check("target", index_of(video, [*GOOD, "run train"]))
    assert not found.problems
    [warning] = found.warnings
    assert "no test video of the class(es) run" in warning


def test_a_source_needs_no_splits_and_no_classes(video):
    index = index_of(video, ["wave train", "wave train", "jump test", "run train", "run train"])
    assert check("source", index) == Findings([], [])


def test_a_motion_model_alone_needs_no_test_videos(video):
    index = index_of(video, ["wave train", "jump train"])
    other = {"format": "folders", "videos": "other"}
    tested = {"model": "motion", "dataset": "other", "measures": ["retrieval"], "fine_tuning": None}
    found = check("target", index, datasets__other=other, evaluations={"one": tested})
    assert found == Findings([], [])


def test_a_missing_split_is_a_problem(video):
    lists = {"format": "ucf101", "videos": "videos", "annotations": "lists of split 1 alone"}
    splits = {"evaluations__motionfit__splits": [1, 3]}
    found = check("target", index_of(video, GOOD), datasets__target=lists, **splits)
    assert any("there is no split 3 (the data set has: split1)" in text for text in found.problems)


@pytest.mark.parametrize(
    ("options", "files", "words"),
    [
        ({}, ["a/0.mp4", "b/0.mp4"], "give every class two recordings or more"),
        ({"test_groups": ["a/0.mp4", "b/0.mp4"]}, ["a/0.mp4", "b/0.mp4"], "check test_groups"),
        ({"labels": "labels.csv"}, ["0.mp4", "1.mp4"], "give some rows of"),
        ({"test_fraction": 0.01}, [f"{c}/{i}.mp4" for c in "ab" for i in range(2)], ""),
        (
            {"test_fraction": 0.0},
            [f"{c}/{i}.mp4" for c in "ab" for i in range(2)],
            "raise test_fraction",
        ),
    ],
)
def test_the_advice_depends_on_how_the_split_is_made(tmp_path, video, options, files, words):
    """Indexes real files, and checks the message."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(video)
    if "labels" in options:
        rows = "".join(f"{name},c{i},train\n" for i, name in enumerate(files))
        (tmp_path / "labels.csv").write_text("path,label,split\n" + rows)
        options = {"labels": str(tmp_path / "labels.csv")}
    recipe = {"format": "folders", "videos": str(tmp_path), **options}
    values = {"datasets__target": recipe}
    config = json.loads(json.dumps(yaml.safe_load(TINY.read_text())))
    config["datasets"]["target"] = recipe
    found = check("target", build_index(load_config(config).datasets["target"]), **values).problems
    if words:
        assert any("split 1 has no" in text and words in text for text in found), found
    else:
        assert not [text for text in found if "no test videos" in text]


def test_keep_best_needs_validation_videos(video):
    keep = {"motion_models__motion__training__keep": "best"}
    rows = [f"{label} {part}" for label in ("wave", "jump") for part in ("train", "test")]
    [problem] = check("target", index_of(video, rows), **keep).problems
    assert problem.startswith("motion_models.motion: keep is best, but none of the 2 training")
    many = index_of(video, rows + ["wave train", "jump train"] * 10)
    assert not check("target", many, **keep).problems


@pytest.mark.parametrize(
    ("granularity", "clusters", "most"),
    [("clip", 18, 18), ("video", 2, 2), ("segment_equal", 6, 6), ("segment_percentile", 18, 18)],
)
def test_more_clusters_than_the_videos_have_features(video, granularity, clusters, most):
    """A video of 20 frames has 9 clips of 4 frames, 2 apart; the tolerance may add one."""
    index = index_of(video, ["-", "-"])
    recipe = {"pseudo_labels__clusters__granularity": granularity}
    assert not check("source", index, **recipe, pseudo_labels__clusters__clusters=clusters).problems
    too_many = most + 3
    [problem] = check(
        "source", index, **recipe, pseudo_labels__clusters__clusters=too_many
    ).problems
    assert f"clusters is {too_many}, but the 2 videos of the source give at most" in problem


def test_only_as_many_headers_are_read_as_needed(video, monkeypatch):
    read = []

    def announced(path: Path, _fps: object) -> int:
        read.append(path)
        return 20

    monkeypatch.setattr("motionfit.config_checks.announced_frames", announced)
    index = index_of(video, ["-"] * 1000).assign(path=[f"{i}.mp4" for i in range(1000)])
    assert not check("source", index, pseudo_labels__clusters__clusters=1000).problems
    assert len(read) == 1  # for the clip length
    assert not check("source", index, pseudo_labels__clusters__clusters=1050).problems
    assert len(read) < 12


@pytest.mark.parametrize(
    ("key", "dataset", "name"),
    [
        ("motion_models__motion__network", "target", "motion_models.motion.network"),
        (
            f"{APPEARANCE}__network",
            "source",
            "appearance_models.appearance.network",
        ),
        ("evaluations__motionfit__clip_length", "target", "evaluations.motionfit"),
    ],
)
def test_clips_longer_than_every_video_are_a_problem(video, key, dataset, name):
    index = index_of(video, GOOD)

    def value(length: int) -> object:
        network = {"backbone": "r2plus1d_small", "clip_length": length}
        return network if key.endswith("network") else length

    assert not check(dataset, index, **{key: value(20)}).problems
    found = check(dataset, index, **{key: value(40)}).problems
    assert any(text.startswith(f"{name}: clip_length is 40, but the longest") for text in found)
    assert all("has 20 frames, by its header" in text for text in found)


def test_lengths_are_those_at_the_stored_frame_rate(video):
    """At half the frame rate, a video has half as many frames."""
    index = index_of(video, ["-"] * 4)
    recipe = {"format": "folders", "videos": "source", "labelled": False, "fps": 6}
    network = {"backbone": "r2plus1d_small", "clip_length": 16}
    found = check(
        "source", index, datasets__source=recipe, appearance_models__appearance__network=network
    ).problems
    assert any("has 10 frames at 6 frames per second, by its header" in text for text in found)


def test_videos_of_unknown_length_cause_no_problem(video, tmp_path, monkeypatch):
    """The ledger reports videos that can't be decoded; they must not be called too short."""
    network = {f"{APPEARANCE}__network": {"backbone": "r2plus1d_small", "clip_length": 900}}
    monkeypatch.setattr("motionfit.config_checks.announced_frames", lambda *_: 0)
    assert not check("source", index_of(video, ["-"] * 4), **network).problems
    monkeypatch.undo()
    (tmp_path / "text.mp4").write_text("no video")
    broken = index_of(str(tmp_path / "text.mp4"), ["-"] * 40)
    for count in (3, 40):
        clusters = {"pseudo_labels__clusters__clusters": count + 1}
        assert not check("source", broken[:count], **network, **clusters).problems
    # If one of them can be opened, its length counts.
    mixed = broken.assign(path=[video, *broken["path"][1:]])
    [problem] = check("source", mixed, **network).problems
    assert "the longest of its 40 videos has 20 frames" in problem


def test_artefacts_with_the_same_problem_share_a_line(video):
    names = ("motionfit", "random", "motion")
    lengths = {f"evaluations__{name}__clip_length": 40 for name in names}
    found = check("target", index_of(video, GOOD), **lengths).problems
    assert len(found) == 1
    assert all(f"evaluations.{name}" in found[0] for name in names)


def test_a_clustering_that_leaves_out_all_videos_is_a_problem(video):
    index = index_of(video, GOOD)
    recipe = {"datasets__source": {"format": "folders", "videos": "source"}}
    excluded = {"pseudo_labels__clusters__exclude_classes": ["wave", "jump"]}
    found = check("source", index, **recipe, **excluded).problems
    assert any(text.startswith("pseudo_labels.clusters: no video of the source") for text in found)


def test_groups_on_both_sides_of_a_split_are_a_warning(video):
    index = index_of(video, [*GOOD, "wave train"]).assign(group=["a", "a", "b", "c", "d"])
    [warning] = check("target", index).warnings
    assert "groups with both training and test videos in split 1: 1 (a)" in warning
    assert not check("target", index_of(video, GOOD)).warnings


def test_labelled_videos_in_neither_part_of_a_split_are_counted(video):
    index = index_of(video, [*GOOD, "wave", "jump", "-"])
    [warning] = check("target", index).warnings
    assert "labelled videos in neither part of split 1: 2" in warning
    official = {"datasets__target": {"format": "hmdb51", "videos": "v", "annotations": "a"}}
    assert not check("target", index, **official).warnings


def test_videos_on_an_unmounted_disk_are_refused_and_removed_ones_are_not(tmp_path):
    videos = [f"{folder}/{i}.mp4" for folder in ("a", "b/deep") for i in range(2)]
    before = pd.DataFrame({"video": videos, "path": [str(tmp_path / v) for v in videos]})
    left = before[before["video"].str.startswith("a/")]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "0.mp4").touch()
    with pytest.raises(MotionFitError, match=r"2 videos below .*/b are missing, and it is an em"):
        refuse_vanished(tmp_path, before, left)
    (tmp_path / "b").rmdir()
    refuse_vanished(tmp_path, before, left)  # the folder was removed
    (tmp_path / "b").symlink_to(tmp_path / "not mounted")
    with pytest.raises(MotionFitError, match=r"/b are missing, and it is a broken link"):
        refuse_vanished(tmp_path, before, left)
    refuse_vanished(tmp_path, before, before)
    refuse_vanished(tmp_path, None, left)
    refuse_vanished(tmp_path, left, left[:1])  # one video was removed from a folder
