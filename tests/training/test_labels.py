import pytest

from motionfit.errors import MotionFitError
from motionfit.training.labels import read_pseudo_labels


def test_pseudo_labels_come_back_in_order(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,start,length,label\nb,0,8,1\nb,8,8,0\na,0,8,1\n")
    assert read_pseudo_labels(path)["label"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "it is empty"),
        ("a,0,8,-1", "a start or label is below 0"),
        ("a,0,0,1", "a length below 1"),
        ("a,8,8,0\na,0,8,1", "do not ascend"),
        ("a,0,8,zero", "label should be whole numbers"),
    ],
)
def test_pseudo_labels_from_elsewhere_are_checked(tmp_path, rows, message):
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["video,start,length,label", *rows.split()]) + "\n")
    with pytest.raises(MotionFitError, match=message):
        read_pseudo_labels(path)
