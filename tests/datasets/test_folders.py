from pathlib import Path

import pytest

from motionfit.config import Folders
from motionfit.datasets.build import build_index
from motionfit.datasets.folders import index_folders
from motionfit.errors import MotionFitError


def make_recipe(folder: Path, videos: list[str], labels: str | bytes = "", **keys) -> Folders:
    for video in videos:
        (folder / video).parent.mkdir(parents=True, exist_ok=True)
        (folder / video).touch()
    if labels:
        keys["labels"] = folder / "labels.csv"
        keys["labels"].write_bytes(labels if isinstance(labels, bytes) else labels.encode())
    return Folders(format="folders", videos=folder, **keys)


def test_the_real_gestures(shared_data):
    recipe = Folders(
        format="folders",
        videos=shared_data / "egogestar",
        labels=shared_data / "egogestar" / "labels.csv",
        unlabelled=("unclassified",),
        test_groups=tuple(str(group) for group in range(15, 23)),
    )
    index = build_index(recipe)
    assert len(index) == 237
    assert (index["label"] == "").sum() == 20
    assert set(index.loc[index["label"] == "", "split1"]) == {""}
    labelled = index[index["label"] != ""]
    assert labelled["label"].nunique() == 10
    assert set(labelled.loc[labelled["split1"] == "train", "group"].astype(int)) == {*range(1, 15)}
    assert set(labelled.loc[labelled["split1"] == "test", "group"].astype(int)) == {*range(15, 23)}


def test_the_first_folder_is_the_class(tmp_path):
    index = index_folders(make_recipe(tmp_path, ["run/1.mp4", "jump/day 1/cam/2.mp4"]))
    assert list(index["label"]) == ["jump", "run"]
    assert list(index["group"]) == list(index["video"]) == ["jump/day 1/cam/2.mp4", "run/1.mp4"]


def test_a_tree_without_labels(tmp_path):
    index = index_folders(make_recipe(tmp_path, ["1.mp4", "a/b/2.mp4"], labelled=False))
    assert set(index["label"]) == set(index["split1"]) == {""}


def test_a_csv_as_spreadsheets_write_it(tmp_path):
    labels = (
        "\ufeffpath, label,group,split\r\n"
        '"a, b.mp4",läuft,g1,train\r\n'
        "./c.mp4,läuft,,test\r\n"
        "\r\n"
        "d.mp4,,g1,train\r\n"
    )
    index = index_folders(make_recipe(tmp_path, ["a, b.mp4", "c.mp4", "d.mp4", "e.mp4"], labels))
    assert list(
        index[["video", "label", "group", "split1"]].itertuples(index=False, name=None)
    ) == [
        ("a, b.mp4", "läuft", "g1", "train"),
        ("c.mp4", "läuft", "c.mp4", "test"),
        ("d.mp4", "", "g1", ""),
    ]


def test_the_draw_takes_whole_groups_and_leaves_every_class_a_training_video(tmp_path):
    videos = [f"{c}{g}_{v}.mp4" for c in "abc" for g in range(20) for v in range(2)] + ["lone.mp4"]
    rows = "".join(f"{video},{video[0]},{video.partition('_')[0]}\n" for video in videos)
    for seed in range(3):
        recipe = make_recipe(tmp_path, videos, "path,label,group\n" + rows, seed=seed)
        index = build_index(recipe)
        parts = index.groupby("group")["split1"].agg(set)
        assert all(len(part) == 1 for part in parts)
        assert (parts == {"test"}).sum() in (14, 15)
        everything = build_index(recipe.model_copy(update={"test_fraction": 0.99}))
        assert set(everything.loc[everything["split1"] == "train", "label"]) == {*"abcl"}
        nothing = build_index(recipe.model_copy(update={"test_fraction": 0}))
        assert set(nothing["split1"]) == {"train"}


def test_unlabelled_groups_do_not_count_in_the_draw(tmp_path):
    videos = [f"a/{i}.mp4" for i in range(8)] + [f"other/{i}.mp4" for i in range(80)]
    index = index_folders(make_recipe(tmp_path, videos, unlabelled=("other",)))
    assert index["split1"].value_counts().to_dict() == {"": 80, "train": 6, "test": 2}


def test_the_split_of_the_csv_comes_before_test_groups(tmp_path, caplog):
    labels = "path,label,group,split\na.mp4,x,g1,train\nb.mp4,x,g2,test\n"
    recipe = make_recipe(tmp_path, ["a.mp4", "b.mp4"], labels, test_groups=("g1",))
    assert list(index_folders(recipe)["split1"]) == ["train", "test"]
    assert "test_groups is not used" in caplog.text


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("path,label\na.mp4,x\nz.mp4,x\n", r"labels.csv .*\n  line 3: there is no video .*z.mp4"),
        ("path,label\na.mp4,x\nb.mp4,x\n./a.mp4,y\n", r"line 4: a.mp4 is already in line 2"),
        ("path,label\n,x\na.mp4,x\n", r"line 2: the path is empty"),
        ("path,label,split\na.mp4,x,val\n", r"line 2: the split of a.mp4 is 'val'"),
        ("path,label\n" + "z.mp4,x\n" * 9, r"line 6: .*\n  and 4 more$"),
        ("path;label\na.mp4;x\n", r"lacks the column\(s\) path, label .*path;label"),
        ('path,label\n"a.mp4,x\n', r"labels.csv, line 2: unexpected end"),
        ("path,label\n", r"labels.csv has no rows"),
        (b"path,label\na.mp4,l\xe4uft\n", r"labels.csv is not UTF-8 text \(byte 19\)"),
    ],
)
def test_mistakes_in_the_csv_are_named(tmp_path, labels, message):
    with pytest.raises(MotionFitError, match=message):
        index_folders(make_recipe(tmp_path, ["a.mp4", "b.mp4"], labels))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"test_groups": ("a/1.mp4", "g9")}, r"test_groups: there is no group g9 .*a/1.mp4"),
        ({"unlabelled": ("typo",)}, r"unlabelled: .* has no class typo \(it has: a\)"),
    ],
)
def test_unknown_groups_and_classes_are_named(tmp_path, keys, message):
    with pytest.raises(MotionFitError, match=message):
        index_folders(make_recipe(tmp_path, ["a/1.mp4", "a/2.mp4"], **keys))


def test_a_video_beside_the_class_folders_is_named(tmp_path):
    with pytest.raises(MotionFitError, match=r"loose.mp4 is not in a class folder"):
        index_folders(make_recipe(tmp_path, ["a/1.mp4", "loose.mp4"]))


def test_a_column_that_comes_twice_is_named(tmp_path):
    recipe = make_recipe(tmp_path, ["a.mp4"], "path,label, label \na.mp4,walk,run\n")
    with pytest.raises(MotionFitError, match=r"labels\.csv has the column 'label' twice"):
        index_folders(recipe)


def test_folds_test_each_group_once(shared_data):
    recipe = Folders(
        format="folders",
        videos=shared_data / "egogestar",
        labels=shared_data / "egogestar" / "labels.csv",
        unlabelled=("unclassified",),
        folds=4,
    )
    index = build_index(recipe)
    splits = index[["split1", "split2", "split3", "split4"]]
    labelled = index["label"] != ""
    assert ((splits[labelled] == "test").sum(axis=1) == 1).all()
    assert set(splits[~labelled].stack()) == {""}
    tested = index[labelled].groupby("group")[list(splits)].agg(set)
    assert (tested.map(len) == 1).all(axis=None), "a group is in training and test of a fold"
    counts = [index["label"][splits[name] == "test"].value_counts() for name in splits]
    for count in counts:  # 20 to 22 videos per class
        assert len(count) == 10
        assert count.between(3, 8).all()


def test_another_seed_gives_other_folds(tmp_path):
    videos = [f"{label}/{group}.mp4" for label in ("run", "jump") for group in range(12)]
    first, second = (
        index_folders(make_recipe(tmp_path, videos, folds=3, seed=seed)) for seed in (0, 1)
    )
    assert not first["split1"].equals(second["split1"])


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_recordings_for_the_folds(tmp_path, count):
    labels = "path,label,group\n" + "".join(f"{i}.mp4,run,g{i % count}\n" for i in range(6))
    recipe = make_recipe(tmp_path, [f"{i}.mp4" for i in range(6)], labels, folds=3)
    with pytest.raises(MotionFitError, match=f"3 folds need.* has {count} groups"):
        index_folders(recipe)


def test_folds_and_a_column_split_contradict(tmp_path):
    recipe = make_recipe(tmp_path, ["a.mp4"], "path,label,split\na.mp4,run,train\n", folds=2)
    with pytest.raises(MotionFitError, match=r"folds: .* has a column split.*: remove"):
        index_folders(recipe)
