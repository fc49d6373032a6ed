"""Groups that names suggest."""

import pytest

from motionfit.init.groups import suggested

CLASSES = ("wave", "jump")


def named(pattern: str, numbers=range(6), classes=CLASSES) -> tuple[list[str], list[str]]:
    """Videos in class folders, named by a pattern with {label}, {group} and {clip}."""
    videos, labels = [], []
    for label in classes:
        for group in numbers:
            for clip in (1, 2):
                videos.append(f"{label}/" + pattern.format(label=label, group=group, clip=clip))
                labels.append(label)
    return videos, labels


@pytest.mark.parametrize(
    ("pattern", "group"),
    [
        ("tape{group}/{clip}.mp4", "tape3"),
        ("v_{label}_g0{group}_c0{clip}.avi", "g03"),
        ("person0{group}_{label}_d{clip}.avi", "person03"),
        ("S{group}_{clip}.mp4", "s3"),
        ("kitchen {group} of Ann_{label}_clip{clip}.mp4", "kitchen 3 of ann"),
        ("2024-05-0{group}-{label}-{clip}.mp4", "2024-05-03"),
    ],
)
def test_names_with_a_recording_or_a_person(pattern, group):
    videos, labels = named(pattern)
    found = suggested(videos, labels)
    assert len(set(found.names)) == 6
    assert found.names.count(group) == 4  # two clips in each class


def test_a_number_that_several_classes_share():
    videos = [f"{label}/test_{label}_{i}.mp4" for label in CLASSES for i in range(1, 8)]
    labels = [label for label in CLASSES for _ in range(7)]
    found = suggested(videos, labels)
    assert found.names == [str(i) for i in range(1, 8)] * 2
    assert "number" in found.what


@pytest.mark.parametrize(
    ("videos", "labels"),
    [
        # Numbers that only count the videos.
        ([f"wave/{i}.mp4" for i in range(9)] + [f"jump/{i}.mp4" for i in range(9, 18)], None),
        # Too few groups.
        (*named("person0{group}_{clip}.mp4", range(5)),),
        # Each video has a group of its own.
        ([f"{c}/person{i}{j}.mp4" for i, c in enumerate(CLASSES) for j in range(8)], None),
        # One name does not fit.
        ([*named("person0{group}_{clip}.mp4")[0], "jump/other.mp4"], None),
        # A class is in a single group, so it could not be learned and tested.
        (
            [*named("tape{group}/{clip}.mp4")[0], "sit/tape1/1.mp4", "sit/tape1/2.mp4"],
            None,
        ),
    ],
)
def test_names_that_suggest_nothing(videos, labels):
    assert suggested(videos, labels or [video.split("/")[0] for video in videos]) is None
