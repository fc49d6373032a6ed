import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from motionfit.config import Demo, Folders, Hmdb51, Kinetics, LabelledPart, Ucf101
from motionfit.datasets.build import build_index
from motionfit.datasets.demo import render_videos
from motionfit.datasets.hmdb51 import film
from motionfit.datasets.index import (
    COLUMNS,
    draw_units,
    hold_out,
    labelled_train,
    part,
    read_index,
    shard_of,
    write_index,
)
from motionfit.datasets.ucf101 import read_list, recording
from motionfit.errors import MotionFitError
from tests.videos import make_index


def make_videos(folder: Path, *videos: str) -> Path:
    for video in videos:
        (folder / video).parent.mkdir(parents=True, exist_ok=True)
        (folder / video).touch()
    return folder


@pytest.fixture
def training_index() -> pd.DataFrame:
    """40 groups of 3 videos each. Each group has one class, and 4 groups have the rare class."""
    rows = [
        (f"g{g}/{v}.avi", "rare" if g % 10 == 0 else f"class{g % 3}", f"g{g}", "train")
        for g in range(40)
        for v in range(3)
    ]
    return pd.DataFrame(rows, columns=["video", "label", "group", "split1"])


def test_shard_of_is_the_same_on_every_machine():
    # Computed with b2sum of coreutils. If these change, all stored shards of all users are stale.
    assert shard_of("Diving/v_Diving_g01_c01.avi", 8) == "0005"
    assert shard_of("Grüße/ü.mp4", 1000) == "0791"


def test_an_added_video_moves_no_other_to_another_shard(tmp_path):
    recipe = Folders(format="folders", videos=tmp_path, labelled=False, shards=4)
    make_videos(tmp_path, *(f"{i}.mp4" for i in range(50)))
    before = build_index(recipe).set_index("video")["shard"]
    make_videos(tmp_path, "0/added.mp4")
    after = build_index(recipe).set_index("video")["shard"]
    assert after.drop("0/added.mp4").equals(before)
    assert set(before) == {"0000", "0001", "0002", "0003"}


def part_of(fraction: float, seed: int, unit: str = "group") -> LabelledPart:
    return LabelledPart(label_fraction=fraction, label_unit=unit, label_seed=seed)


def test_fewer_groups_are_part_of_more_groups():
    groups = [f"g{i:02d}" for i in range(100)] * 3
    few, many = draw_units(groups, 0.2, seed=1), draw_units(groups, 0.5, seed=1)
    assert (len(few), len(many)) == (20, 50)
    assert set(few) < set(many)
    assert set(few) != set(draw_units(groups, 0.2, seed=2))
    assert len(draw_units(groups, 0.001, seed=1)) == 1
    assert draw_units(groups, 0, seed=1) == []


@pytest.mark.parametrize("seed", range(5))
def test_labelled_train_keeps_groups_whole_and_every_class(training_index, seed):
    before: set[str] = set()
    for fraction in (0.02, 0.2, 0.5, 0.9):
        drawn = labelled_train(training_index, 1, part_of(fraction, seed))
        rest = training_index[~training_index["video"].isin(drawn["video"])]
        assert not set(drawn["group"]) & set(rest["group"])
        assert set(drawn["label"]) == set(training_index["label"])
        assert before <= set(drawn["video"])  # a smaller fraction is a subset of a larger one
        before = set(drawn["video"])


def test_labels_drawn_by_video_are_each_class_s_fraction_to_the_video(training_index):
    """As in the paper. The groups are then on both sides."""
    before: set[str] = set()
    whole = training_index.groupby("label").size()
    for fraction in (0.02, 0.2, 0.5, 0.9):
        drawn = labelled_train(training_index, 1, part_of(fraction, 0, "video"))
        sizes = drawn.groupby("label").size()
        assert ((sizes - fraction * whole).abs() <= 0.5).all() or (sizes == 1).all()
        assert before <= set(drawn["video"])
        before = set(drawn["video"])
    rest = training_index[~training_index["video"].isin(before)]
    assert set(rest["group"]) & set(drawn["group"])
    other = labelled_train(training_index, 1, part_of(0.9, 1, "video"))
    assert set(other["video"]) != before


def test_groups_of_one_class_each_give_each_class_its_share():
    """As in UCF101, where a fifth of all groups would contain no videos of some classes."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "video": f"{k}/{g}/{i}",
            "label": f"class{k}",
            "group": f"class{k}_g{g:02d}",
            "split1": "train",
        }
        for k in range(101)
        for g in range(18)
        for i in range(int(rng.integers(4, 8)))
    ]
    index = pd.DataFrame(rows)
    whole = index.groupby("label").size()
    for seed in range(3):
        shares = labelled_train(index, 1, part_of(0.2, seed)).groupby("label").size() / whole
        assert len(shares) == 101
        assert shares.mean() == pytest.approx(0.2, abs=0.01)
        assert shares.between(0.15, 0.25).all()


def test_the_papers_fractions_of_the_official_splits(shared_data):
    for kind, make in (("ucf101", "trainlist0{}.txt"), ("hmdb51", None)):
        folder = shared_data / "splits" / kind
        names = (
            read_list(folder / make.format(1))
            if make
            else [
                f"{path.stem.rpartition('_test_split')[0]}/{line.split()[0]}"
                for path in folder.glob("*_test_split1.txt")
                for line in path.read_text().splitlines()
                if line.split()[1:] == ["1"]
            ]
        )
        index = pd.DataFrame({"video": names})
        index["label"] = [name.split("/")[0] for name in names]
        stems = [name.split("/")[1].rpartition(".")[0] for name in names]
        group = recording if make else film
        index["group"] = [group(*pair) for pair in zip(index["label"], stems, strict=True)]
        index["split1"] = "train"
        for fraction, tolerance in ((0.2, 0.04), (0.5, 0.05)):
            drawn = labelled_train(index, 1, part_of(fraction, 0))
            assert set(drawn["label"]) == set(index["label"])
            assert len(drawn) / len(index) == pytest.approx(fraction, abs=tolerance)


def test_hold_out_shares_no_group_and_takes_no_class_away(training_index):
    for seed in range(5):
        train, validation = hold_out(training_index, 0.9, seed, keep_classes=True)
        assert len(train) + len(validation) == len(training_index)
        assert validation["group"].nunique() == 36
        assert not set(train["group"]) & set(validation["group"])
        assert set(train["label"]) == set(training_index["label"])
    assert hold_out(training_index, 0.01, seed=0, keep_classes=True)[1].empty


def test_videos_held_out_are_the_fraction_to_the_video(training_index):
    train, validation = hold_out(training_index, 0.1, 0, keep_classes=True, unit="video")
    assert len(validation) == len(training_index) // 10
    assert not set(train["video"]) & set(validation["video"])
    assert set(train["label"]) == set(training_index["label"])
    assert set(train["group"]) & set(validation["group"])


def test_a_written_index_reads_back_the_same(tmp_path):
    text = ['a, "b" c/Ü 中.mp4', "NA", "null", " x ", "0012", "", "line\nbreak"]
    index = pd.DataFrame(dict.fromkeys(COLUMNS, text), dtype=str)
    index["shard"], index["split1"] = "0012", ["train", "test", "", "", "", "", ""]
    write_index(index, tmp_path / "new" / "index.csv")
    pd.testing.assert_frame_equal(read_index(tmp_path / "new" / "index.csv"), index)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("shard", "../../0000", "a shard is not a number"),
        ("video", "a", "'a' is in it twice"),
        ("split1", "val", "a split contains something other"),
    ],
)
def test_an_index_from_elsewhere_is_checked(tmp_path, column, value, message):
    index = make_index({"a": "x", "b": "y"})
    index.loc[1, column] = value
    write_index(index, tmp_path / "index.csv")
    with pytest.raises(MotionFitError, match=message):
        read_index(tmp_path / "index.csv")


def test_a_missing_split_or_part_is_named(training_index):
    with pytest.raises(MotionFitError, match=r"no split 2 \(it has: 1\)"):
        part(training_index, 2, "train")
    with pytest.raises(MotionFitError, match="split 1 has no test videos"):
        part(training_index, 1, "test")


def test_index_is_text_sorted_by_video(tmp_path):
    make_videos(
        tmp_path, "b/1.mp4", "a/2.MKV", "a/1.mp4", "a/.hidden.mp4", ".trash/1.mp4", "a/x.md"
    )
    index = build_index(Folders(format="folders", videos=tmp_path, test_fraction=0))
    assert list(index.columns) == [*COLUMNS, "split1"]
    assert list(index["video"]) == ["a/1.mp4", "a/2.MKV", "b/1.mp4"]
    assert list(index["path"]) == [str(tmp_path / video) for video in index["video"]]
    assert all(isinstance(cell, str) for cell in index.to_numpy().ravel())


def test_links_are_followed_and_a_circle_of_links_ends(tmp_path):
    make_videos(tmp_path / "elsewhere", "1.mp4")
    videos = make_videos(tmp_path / "videos", "a/2.mp4")
    (videos / "linked").symlink_to(tmp_path / "elsewhere")
    (videos / "a" / "3.mp4").symlink_to(tmp_path / "elsewhere" / "1.mp4")
    (videos / "a" / "broken.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (videos / "a" / "circle").symlink_to(videos)
    index = build_index(Folders(format="folders", videos=videos, labelled=False))
    assert list(index["video"]) == ["a/2.mp4", "a/3.mp4", "linked/1.mp4"]


def test_demo_is_indexed_with_shards(tmp_path):
    recipe = Demo(format="demo", train=1, test=1, unlabelled=1, frames=4, shards=2)
    render_videos(recipe, tmp_path / "labels.csv")
    index = build_index(recipe, tmp_path)
    assert index["split1"].value_counts().to_dict() == {"train": 8, "test": 8, "": 8}
    assert list(index["shard"]) == [shard_of(video, 2) for video in index["video"]]


ANNOTATED = {
    "ucf101": lambda videos, lists: Ucf101(format="ucf101", videos=videos, annotations=lists),
    "hmdb51": lambda videos, lists: Hmdb51(format="hmdb51", videos=videos, annotations=lists),
    "kinetics": lambda videos, lists: Kinetics(
        format="kinetics", videos=videos, annotations=(lists / "val.csv",)
    ),
}


@pytest.mark.parametrize("kind", ANNOTATED)
def test_missing_annotations_are_named(tmp_path, kind):
    videos = make_videos(tmp_path / "videos", "a/1.mp4")
    with pytest.raises(MotionFitError, match=r"annotations: .*nowhere"):
        build_index(ANNOTATED[kind](videos, tmp_path / "nowhere"))


@pytest.mark.parametrize("kind", ["ucf101", "hmdb51"])
def test_a_folder_without_lists_is_named(tmp_path, kind):
    (tmp_path / "lists").mkdir()
    with pytest.raises(MotionFitError, match=r"annotations: .*lists has no split list"):
        build_index(ANNOTATED[kind](tmp_path, tmp_path / "lists"))


def test_missing_or_empty_video_folder_is_named(tmp_path):
    with pytest.raises(MotionFitError, match=r"videos: there is no folder .*nowhere: give"):
        build_index(Folders(format="folders", videos=tmp_path / "nowhere"))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MotionFitError, match=r"videos: there is no video below .*: give"):
        build_index(Folders(format="folders", videos=tmp_path))


def test_a_file_name_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/\xff.mp4")).touch()
    with pytest.raises(MotionFitError, match=r"a/\\udcff.mp4' is not UTF-8: rename"):
        build_index(Folders(format="folders", videos=tmp_path))


def test_the_warning_of_missing_videos_is_one_line(tmp_path, caplog):
    videos = make_videos(tmp_path / "videos", "A/v_A_g01_c01.avi")
    lines = "".join(f"A/v_A_g0{i}_c01.avi 1\n" for i in range(1, 7))
    (tmp_path / "trainlist01.txt").write_text(lines)
    (tmp_path / "testlist01.txt").touch()
    with caplog.at_level(logging.WARNING):
        build_index(Ucf101(format="ucf101", videos=videos, annotations=tmp_path))
    [message] = caplog.messages
    assert "lacks 5 of the 6 listed videos: A/v_A_g02_c01.avi, " in message
    assert message.endswith("A/v_A_g04_c01.avi and 2 more")
