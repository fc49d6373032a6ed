from pathlib import Path

import pytest

from motionfit.config import Ucf101
from motionfit.datasets.index import classes
from motionfit.datasets.ucf101 import index_ucf101
from motionfit.errors import MotionFitError


def make_recipe(folder: Path, train: str, test: str, *videos: str) -> Ucf101:
    (folder / "trainlist01.txt").write_text(train)
    (folder / "testlist01.txt").write_text(test)
    for video in videos:
        (folder / "videos" / video).parent.mkdir(parents=True, exist_ok=True)
        (folder / "videos" / video).touch()
    return Ucf101(format="ucf101", videos=folder / "videos", annotations=folder)


def test_the_official_lists(tmp_path, shared_data):
    lists = shared_data / "splits" / "ucf101"
    # Links to one empty file, since making tens of thousands of files is slow.
    (tmp_path / ".empty").touch()
    for path in lists.glob("t*list01.txt"):
        for line in path.read_text().splitlines():
            video = tmp_path / line.split()[0]
            video.parent.mkdir(exist_ok=True)
            video.hardlink_to(tmp_path / ".empty")
    index = index_ucf101(Ucf101(format="ucf101", videos=tmp_path, annotations=lists))
    assert len(index) == 13320
    assert len(classes(index)) == 101
    assert index["group"].nunique() == 101 * 25
    for split, train, test in ((1, 9537, 3783), (2, 9586, 3734), (3, 9624, 3696)):
        parts = index.groupby(f"split{split}")["group"]
        assert parts.size().to_dict() == {"train": train, "test": test}
        assert not set(parts.get_group("train")) & set(parts.get_group("test"))


def test_real_clips_and_official_lists(shared_data):
    recipe = Ucf101(
        format="ucf101",
        videos=shared_data / "real-samples" / "ucf101",
        annotations=shared_data / "splits" / "ucf101",
    )
    index = index_ucf101(recipe).set_index("video")
    assert len(index) == 17
    assert list(index.loc["Diving/v_Diving_g01_c03.avi", "label":]) == [
        *("Diving", "Diving_g01", "test", "train", "train")
    ]
    assert index["group"].nunique() == 5
    assert all(Path(path).is_file() for path in index["path"])


def test_the_case_of_names_and_the_suffix_may_differ(tmp_path):
    recipe = make_recipe(
        tmp_path,
        "HandstandPushups/v_HandStandPushups_g08_c01.avi 37\r\n",
        "HandstandPushups/v_HandStandPushups_g01_c01.avi\r\n",
        "HandStandPushups/v_HandstandPushups_g01_c01.avi",
        "HandStandPushups/v_HandStandPushups_g08_c01.mp4",
    )
    index = index_ucf101(recipe)
    assert list(index["split1"]) == ["train", "test"]
    assert set(index["label"]) == {"HandStandPushups"}
    assert list(index["group"]) == ["HandStandPushups_g08", "HandStandPushups_g01"]


def test_a_video_in_no_list_has_no_part(tmp_path):
    recipe = make_recipe(
        tmp_path, "A/v_A_g01_c01.avi 1\n", "", "A/v_A_g01_c01.avi", "A/v_A_g02_c01.avi"
    )
    assert list(index_ucf101(recipe)["split1"]) == ["train", ""]


def test_a_folder_that_is_one_too_high_is_named(tmp_path):
    recipe = make_recipe(tmp_path, "A/v_A_g01_c01.avi 1\n", "", "UCF-101/A/v_A_g01_c01.avi")
    with pytest.raises(MotionFitError, match=r"none of the 1 videos .* A/v_A_g01_c01.avi: give"):
        index_ucf101(recipe)


def test_a_video_in_both_lists_is_named(tmp_path):
    both = "A/v_A_g01_c01.avi"
    with pytest.raises(MotionFitError, match=f"{both} is both in .*trainlist01.*testlist01"):
        index_ucf101(make_recipe(tmp_path, f"{both} 1\n", both, both))


def test_a_missing_test_list_is_named(tmp_path):
    recipe = make_recipe(tmp_path, "A/v_A_g01_c01.avi 1\n", "", "A/v_A_g01_c01.avi")
    (tmp_path / "testlist01.txt").unlink()
    with pytest.raises(MotionFitError, match=r"annotations: .*testlist01.txt can't be read"):
        index_ucf101(recipe)


def test_a_video_that_is_in_both_lists_but_for_capitals_is_named(tmp_path):
    recipe = make_recipe(tmp_path, "Walk/a.avi 1\n", "walk/a.avi\n", "Walk/a.avi")
    with pytest.raises(MotionFitError, match=r"walk/a\.avi is listed twice for split1"):
        index_ucf101(recipe)


def test_a_video_that_a_list_has_twice_counts_once(tmp_path):
    recipe = make_recipe(
        tmp_path, "Walk/a.avi 1\nWalk/a.avi 1\n", "Walk/b.avi\n", "Walk/a.avi", "Walk/b.avi"
    )
    assert index_ucf101(recipe)["split1"].tolist() == ["train", "test"]
