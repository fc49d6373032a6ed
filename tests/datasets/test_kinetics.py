import csv
from pathlib import Path

import pytest

from motionfit.config import Kinetics
from motionfit.datasets.index import classes
from motionfit.datasets.kinetics import index_kinetics
from motionfit.errors import MotionFitError

HEADER = "label,youtube_id,time_start,time_end,split,is_cc\n"


def make_recipe(folder: Path, rows: str, *videos: str) -> Kinetics:
    (folder / "list.csv").write_text(rows)
    for video in videos:
        (folder / "videos" / video).parent.mkdir(parents=True, exist_ok=True)
        (folder / "videos" / video).touch()
    return Kinetics(format="kinetics", videos=folder / "videos", annotations=(folder / "list.csv",))


def test_the_official_validation_file(tmp_path, shared_data):
    official = shared_data / "splits" / "kinetics400" / "kinetics-400_val.csv"
    rows = list(csv.DictReader(official.open()))
    # Links to one empty file, since making tens of thousands of files is slow.
    (tmp_path / ".empty").touch()
    for i, row in enumerate(rows):
        times = f"_{int(row['time_start']):06d}_{int(row['time_end']):06d}" if i % 2 else ""
        folder = tmp_path / (row["label"].replace(" ", "_") if i % 3 else "")
        folder.mkdir(exist_ok=True)
        (folder / f"{row['youtube_id']}{times}.mp4").hardlink_to(tmp_path / ".empty")
    recipe = Kinetics(format="kinetics", videos=tmp_path, annotations=(official,))
    index = index_kinetics(recipe)
    assert len(index) == 19906
    assert len(classes(index)) == 400
    assert set(index["split1"]) == {"test"}
    expected = {row["youtube_id"]: row["label"] for row in rows}
    assert dict(zip(index["group"], index["label"], strict=True)) == expected


def test_real_clips_and_the_official_validation_file(shared_data, caplog):
    recipe = Kinetics(
        format="kinetics",
        videos=shared_data / "real-samples" / "kinetics400",
        annotations=(shared_data / "splits" / "kinetics400" / "kinetics-400_val.csv",),
    )
    index = index_kinetics(recipe)
    assert list(index["group"]) == ["R6llTwEh07w", "SOX5yA1l24A", "WUzgd7C1pWA"]
    assert set(index["label"]) == {"using segway"}
    assert "lacks 19903 of the 19906 listed videos (val 19903)" in caplog.text


def test_ids_and_times_of_every_naming(tmp_path, caplog):
    rows = HEADER + (
        "a b,-_2345_789_,0,10,train,0\n"
        '"c, d",_bc_000001_,5,15,validate,0\n'
        "e,11111111111,7,17,train,0\n"
        "e,22222222222,20.0,30.0,other,0\n"
        "e,33333333333,1,2,train,0\n"
    )
    recipe = make_recipe(
        tmp_path,
        rows,
        "-_2345_789_.webm",
        "c,_d/_bc_000001__000005_000015.mp4",
        "e/x/11111111111_000008_000018.mp4",  # another clip of this video
        "e/22222222222_000020_000030.MP4",
        "e/33333333333.mp4",
        "e/33333333333_000001_000002.mp4",  # the clip itself, cut from the one above
        "e/unlisted123.mp4",
    )
    index = index_kinetics(recipe)
    assert list(
        index[["video", "label", "group", "split1"]].itertuples(index=False, name=None)
    ) == [
        ("-_2345_789_.webm", "a b", "-_2345_789_", "train"),
        ("c,_d/_bc_000001__000005_000015.mp4", "c, d", "_bc_000001_", "test"),
        ("e/22222222222_000020_000030.MP4", "e", "22222222222", ""),
        ("e/33333333333_000001_000002.mp4", "e", "33333333333", "train"),
    ]
    assert "lacks 1 of the 5 listed videos (train 1): 11111111111" in caplog.text


def test_the_official_test_file_has_no_labels(tmp_path):
    rows = "youtube_id,time_start,time_end,split\n11111111111,0,10,test\n"
    index = index_kinetics(make_recipe(tmp_path, rows, "11111111111.mp4"))
    assert list(index.loc[0, "label":]) == ["", "11111111111", ""]
    with pytest.raises(MotionFitError, match="lacks the column label"):
        index_kinetics(make_recipe(tmp_path, rows.replace(",test", ",train")))


def test_a_video_with_two_meanings_is_left_out(tmp_path, caplog):
    rows = HEADER + (
        "a,11111111111,0,10,train,0\nb,11111111111,0,10,train,0\n"
        "a,22222222222,0,10,train,0\na,22222222222,50,60,train,0\n"
    )
    recipe = make_recipe(tmp_path, rows, "11111111111.mp4", "22222222222.mp4")
    assert list(index_kinetics(recipe)["group"]) == ["22222222222"]
    assert "more than one label or split: 11111111111.mp4" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            HEADER + "a,11111111111,zero,10,train,0\n",
            "line 2: time_start and time_end must be seconds",
        ),
        (HEADER + "a,11111111111,0,10\n", "line 2: 4 fields, but .* 6 columns"),
        (HEADER, "list no video"),
        (HEADER + "a,22222222222,0,10,train,0\n", "none of the 1 videos .* 22222222222: their"),
        ("label,id\n", "lacks the column.* youtube_id, time_start, time_end, split"),
    ],
)
def test_mistakes_are_named(tmp_path, rows, message):
    with pytest.raises(MotionFitError, match=message):
        index_kinetics(make_recipe(tmp_path, rows, "11111111111.mp4"))
