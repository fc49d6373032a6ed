import pytest

from motionfit.errors import MotionFitError
from motionfit.result_tables import read_table

COLUMNS = {"video": str, "start": int, "similarity": float}


def test_columns_have_the_requested_types(tmp_path):
    (tmp_path / "a.csv").write_text("video,start,similarity,more\n007,3,1,x\n,4,2.5,NA\n")
    table = read_table(tmp_path / "a.csv", COLUMNS)
    assert table["video"].tolist() == ["007", ""]
    assert table["start"].tolist() == [3, 4]
    assert table["similarity"].tolist() == [1, 2.5]
    assert table["more"].tolist() == ["x", "NA"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "No columns"),
        (b"video,start\na,1\n", "the column.s. similarity are missing"),
        (
            b"video,start,similarity\na,1,1\nb,1.5,1\n",
            "line 3: start .* not '1.5'",
        ),
        (b"video,start,similarity\na,,1\n", "line 2: start .* not ''"),
        (b"video,start,similarity\na,1,much\n", "line 2: similarity should be numbers"),
        (b"video,start,similarity\na,1,1\nb,2\nc,3,3,3,3\n", "line 3: 2 fields, but 3 columns"),
        (b"video,start,similarity\na,1,1,\nb,2,2,\n", "line 2: 4 fields, but 3 columns"),
        (b'video,start,similarity\n"a\nb",1,1\nc,x,1\n', "line 4: start .* not 'x'"),
        (b"video,start,similarity\n\xff,1,1\n", "utf-8"),
        (b"PK\x03\x04\x00\x00", "are missing|codec|tokeniz|NUL"),
    ],
)
def test_a_malformed_table_is_an_error(tmp_path, content, message):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(MotionFitError, match=message) as error:
        read_table(path, COLUMNS)
    assert str(error.value).startswith(f"{path} is not in the format that its stage writes (")
    assert "\n" not in str(error.value)


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(MotionFitError, match=r"the file .*labels\.csv"):
        read_table(tmp_path / "labels.csv", COLUMNS)


def test_a_duplicate_column_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("video,start,video\na,1,b\n")
    with pytest.raises(MotionFitError, match="it has the column 'video' twice"):
        read_table(path, {"video": str, "start": int})


def test_a_folder_in_place_of_a_table_is_an_error(tmp_path):
    with pytest.raises(MotionFitError, match="can't be read: Is a directory"):
        read_table(tmp_path, {"video": str})
