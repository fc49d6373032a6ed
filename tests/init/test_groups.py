"""Groups that names suggest."""

import pytest

from motionfit.init.groups import suggested

CLASSES = ("wave", "jump")


def named(pattern: str, groups=range(6), classes=CLASSES) -> tuple[list[str], list[str]]:
    """Videos in class folders, named by a pattern with {label}, {group} and {clip}."""
    videos, labels = [], []
    for label in classes:
        for group in groups:
            for clip in (1, 2):
                name = pattern.format(label=label, group=group, clip=clip)
                videos.append(f"{label}/{name}")
                labels.append(label)
    return videos, labels


def guessed(videos, labels, class_folders=True, alike=False):
    return suggested(videos, labels, class_folders, lambda names: alike)


@pytest.mark.parametrize(
    ("pattern", "group"),
    [
        ("tape{group}/{clip}.mp4", "tape3"),
        ("v_{label}_g0{group}_c0{clip}.avi", "g03"),
        ("person0{group}_{label}_d{clip}.avi", "person03"),
        ("S{group}_{clip}.mp4", "s3"),
        ("kitchen {group} of Ann_{label}_clip{clip}.mp4", "kitchen 3 of ann"),
        ("2024-05-0{group}-{label}-{clip}.mp4", "2024-05-03"),
        ("match{group}_p{clip}.mp4", "match3"),  # p is a part, not a person
        ("-aB{group}_c_00001{clip}_00002{clip}.mp4", "-ab3_c"),  # Kinetics
    ],
)
def test_names_with_a_recording_or_a_person(pattern, group):
    found = guessed(*named(pattern))
    assert len(set(found.names)) == 6
    assert found.names.count(group) == 4  # two clips in each class


@pytest.mark.parametrize("classes", [("a", "n"), ("1", "2")])
def test_a_class_whose_name_is_a_letter_or_a_digit_leaves_names_whole(classes):
    found = guessed(*named("tape{group}n_{clip}.mp4", classes=classes))
    assert set(found.names) == {f"tape{i}n" for i in range(6)}


def test_without_class_folders_each_folder_is_a_recording():
    videos = [f"tape{i}/{clip}.mp4" for i in range(6) for clip in (1, 2)]
    labels = ["wave", "jump"] * 6
    assert set(guessed(videos, labels, class_folders=False).names) == {f"tape{i}" for i in range(6)}
    assert guessed(videos, labels, class_folders=True) is None


def test_a_number_that_several_classes_share_counts_if_the_videos_look_alike():
    videos = [f"{label}/test_{label}_{i}.mp4" for label in CLASSES for i in range(1, 8)]
    labels = [label for label in CLASSES for _ in range(7)]
    assert guessed(videos, labels, alike=False) is None
    found = guessed(videos, labels, alike=True)
    assert found.names == [str(i) for i in range(1, 8)] * 2
    assert "number" in found.what


@pytest.mark.parametrize(
    ("videos", "labels"),
    [
        # Numbers that only count the videos.
        ([f"wave/{i}.mp4" for i in range(9)] + [f"jump/{i}.mp4" for i in range(9, 18)], None),
        # Too few groups.
        named("person0{group}_{clip}.mp4", range(5)),
        # Each video has a group of its own.
        ([f"{c}/person{i}{j}.mp4" for i, c in enumerate(CLASSES) for j in range(8)], None),
        # One name does not fit.
        ([*named("person0{group}_{clip}.mp4")[0], "jump/other.mp4"], None),
        # A class is in a single group, so it could not be learned and tested.
        ([*named("tape{group}/{clip}.mp4")[0], "sit/tape1/1.mp4", "sit/tape1/2.mp4"], None),
    ],
)
def test_names_that_suggest_nothing(videos, labels):
    labels = labels or [video.split("/")[0] for video in videos]
    assert guessed(videos, labels, alike=True) is None
