import pytest

from motionfit.config import Hmdb51
from motionfit.datasets.hmdb51 import film, index_hmdb51
from motionfit.datasets.index import classes
from motionfit.errors import MotionFitError


def test_the_official_lists(tmp_path, shared_data):
    lists = shared_data / "splits" / "hmdb51"
    # Links to one empty file, since making tens of thousands of files is slow.
    (tmp_path / ".empty").touch()
    for path in lists.glob("*_test_split1.txt"):
        folder = tmp_path / path.name.removesuffix("_test_split1.txt")
        folder.mkdir()
        for line in path.read_text().splitlines():
            (folder / line.rsplit(maxsplit=1)[0]).hardlink_to(tmp_path / ".empty")
    index = index_hmdb51(Hmdb51(format="hmdb51", videos=tmp_path, annotations=lists))
    assert len(index) == 6766
    assert len(classes(index)) == 51
    for split in (1, 2, 3):
        counts = index[f"split{split}"].value_counts().to_dict()
        assert counts == {"train": 3570, "test": 1530, "": 1666}
        # The official splits separate the films within a class, though not between classes.
        films = index.groupby(f"split{split}")[["label", "group"]]
        train, test = (set(map(tuple, films.get_group(p).values)) for p in ("train", "test"))
        assert not train & test


def test_real_clips_and_official_lists(shared_data):
    recipe = Hmdb51(
        format="hmdb51",
        videos=shared_data / "real-samples" / "hmdb51",
        annotations=shared_data / "splits" / "hmdb51",
    )
    index = index_hmdb51(recipe).set_index("video")
    assert len(index) == 6
    pippi = index.loc["cartwheel/Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi"]
    assert (pippi["label"], pippi["group"]) == ("cartwheel", "Turnk_r_Pippi_Michel")
    assert pippi["split1"] in ("train", "test")
    unlisted = index.loc["cartwheel/improved_traj_testSeq_cartwheel.avi"]
    assert list(unlisted["split1":]) == ["", "", ""]


@pytest.mark.parametrize(
    ("label", "stem", "expected"),
    [
        ("climb", "climb_stairs_climb_f_cm_np1_ba_bad_0", "climb_stairs"),
        ("climb_stairs", "Up_climb_stairs_f_cm_np1_ba_bad_0", "Up"),
        ("run", "metacafe_coolsoccer_run_f_cm_np10_le_bad_2", "metacafe_coolsoccer"),
        ("cartwheel", "improved_traj_testSeq_cartwheel", "improved_traj_testSeq_cartwheel"),
    ],
)
def test_film_is_what_stands_before_the_class_and_the_tags(label, stem, expected):
    assert film(label, stem) == expected


def test_odd_names_are_read(tmp_path):
    names = ["#2 Gum & [x];-)!_chew_h_nm_np1_fr_med_0.avi", "1 2_chew_h_nm_np1_fr_med_1.avi"]
    (tmp_path / "chew").mkdir()
    for name in names:
        (tmp_path / "chew" / name).touch()
    (tmp_path / "chew_test_split1.txt").write_text(f"{names[0]} 1 \n{names[1]} 0 \n\n")
    index = index_hmdb51(Hmdb51(format="hmdb51", videos=tmp_path, annotations=tmp_path))
    assert list(index["split1"]) == ["train", ""]
    assert list(index["group"]) == ["#2 Gum & [x];-)!", "1 2"]


def test_a_line_without_a_part_is_named(tmp_path):
    (tmp_path / "chew_test_split1.txt").write_text("a.avi 1\nb.avi 3\n")
    recipe = Hmdb51(format="hmdb51", videos=tmp_path, annotations=tmp_path)
    with pytest.raises(MotionFitError, match=r"chew_test_split1.txt, line 2: .* not 'b.avi 3'"):
        index_hmdb51(recipe)


def test_a_video_that_is_listed_twice_is_named(tmp_path):
    (tmp_path / "wave_test_split1.txt").write_text("a.avi 1\na.avi 2\n")
    with pytest.raises(MotionFitError, match=r"line 2: wave/a\.avi is listed twice"):
        index_hmdb51(Hmdb51(format="hmdb51", videos=tmp_path, annotations=tmp_path))
