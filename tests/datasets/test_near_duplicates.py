import pytest

from motionfit.datasets.copies import without_copies
from motionfit.errors import MotionFitError
from tests.videos import make_index

ROWS = make_index({"a": "x", "b": "x", "c": "y"})


@pytest.fixture
def found(tmp_path):
    """The near-duplicates of a target's test videos in its training set and in a source."""
    files = {"target": "t,a,1 3\nt,b,2\n", "source": "t,a,1 3\nt,b,2\n"}
    (tmp_path / "target").mkdir()
    for name, rows in files.items():
        (tmp_path / "target" / f"{name}.csv").write_text("video,other,splits\n" + rows)
    return tmp_path / "target"


@pytest.mark.parametrize(("split", "left"), [(1, ["b", "c"]), (2, ["a", "c"]), (13, [*"abc"])])
def test_training_videos_are_left_out_in_the_split_of_their_test_video(found, split, left):
    rows = without_copies(ROWS, [found / "target.csv"], split)
    assert rows["video"].tolist() == left


def test_source_videos_are_left_out_in_every_split(found, caplog):
    caplog.set_level("INFO")
    rows = without_copies(ROWS, [found / "source.csv", found / "target.csv"], 2)
    assert rows["video"].tolist() == ["c"]
    assert "2 of 3 videos are left out" in caplog.text


def test_without_files_all_rows_are_left(caplog):
    assert len(without_copies(ROWS, [], 1)) == 3
    assert not caplog.text


def test_a_training_without_videos_is_refused(found):
    with pytest.raises(MotionFitError, match="exclude_near_duplicates: false"):
        without_copies(ROWS[ROWS["video"] != "c"], [found / "source.csv"], 1)
