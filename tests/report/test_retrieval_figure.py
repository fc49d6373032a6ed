from itertools import combinations

import cv2
import numpy as np
import pandas as pd
import pytest

from motionfit.config import RetrievalFigure
from motionfit.errors import MotionFitError
from motionfit.report.pictures import StoredClips
from motionfit.report.retrieval_figure import (
    DPI,
    Clip,
    Side,
    choose_queries,
    clips_of,
    draw,
    heading,
    in_common,
    write_retrieval_figure,
)
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard

LENGTH = 8


@pytest.fixture
def frames(tmp_path):
    """Two shards of videos whose frames get brighter by ten grey levels per frame."""
    for shard in ("0", "1"):
        with write_shard(tmp_path / f"{shard}.h5", "frames", {"size": [16, 24]}) as writer:
            for video in (f"test{shard}", f"train{shard}"):
                images = [np.full((16, 24, 3), 10 * t, np.uint8) for t in range(20)]
                writer.add(video, [encode_jpeg(image, 95) for image in images], video, rate=12.0)
    return tmp_path


INDEX = pd.DataFrame(
    {"video": ["test0", "train0", "test1", "train1"], "shard": ["0", "0", "1", "1"]}
)


def table(*rows) -> pd.DataFrame:
    """A table of neighbours from rows of (query, query's label, rank, video, label)."""
    return pd.DataFrame(
        [(q, 2, mine, rank, v, 4, label, 1 - rank / 10) for q, mine, rank, v, label in rows],
        columns=[
            "query",
            "query_start",
            "query_label",
            "rank",
            "video",
            "start",
            "label",
            "similarity",
        ],
    )


def test_all_neighbours_of_a_success_have_its_class_and_none_of_a_failure():
    classes = {  # query: its class, and the classes of its three nearest videos
        "q0": ("run", "run", "run", "run"),
        "q1": ("run", "run", "run", "walk"),
        "q2": ("run", "run", "run", "run"),
        "q3": ("run", "walk", "sit", "walk"),
        "q4": ("walk", "walk", "walk", "walk"),
        "q5": ("walk", "run", "run", "walk"),
        "q6": ("sit", "run", "run", "walk"),
    }
    rows = [
        (query, query_class, rank, f"train{rank}", label)
        for query, (query_class, *labels) in classes.items()
        for rank, label in enumerate(labels, 1)
    ]
    nearest = table(*rows)
    # Ordered by class, from as many classes as possible.
    assert choose_queries(nearest, True, 2) == ["q0", "q4"]
    assert choose_queries(nearest, True, 9) == ["q0", "q2", "q4"]
    assert choose_queries(nearest, False, 9) == ["q3", "q6"]
    assert choose_queries(nearest, False, 1) in (["q3"], ["q6"])
    nearest_only = nearest[nearest["rank"] == 1]
    assert choose_queries(nearest_only, True, 9) == ["q0", "q1", "q2", "q4"]
    assert choose_queries(nearest[nearest["query"] == "q1"], True, 9) == []


def test_a_row_shows_the_middle_frames_of_the_query_and_the_nearest_clips(frames):
    nearest = table(("test0", "run", 2, "train1", "walk"), ("test0", "run", 1, "train0", "run"))
    query, *rest = clips_of(nearest, StoredClips(frames, INDEX, "frames"), LENGTH)
    assert (query.label, query.hit) == ("run", None)
    assert query.frame.mean() == pytest.approx(10 * (2 + LENGTH // 2), abs=2)
    assert [clip.hit for clip in rest] == [True, False]
    assert rest[0].frame.mean() == pytest.approx(10 * (4 + LENGTH // 2), abs=2)
    assert rest[0].detail == "similarity 0.90"


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, "Failures"),
        (2, "Failures: only 2 such queries"),
        (1, "Failures: only 1 such query"),
        (0, "Failures: no such query"),
    ],
)
def test_the_heading_says_if_there_are_fewer(count, expected):
    assert heading(False, count, 3) == expected
    assert heading(True, count, 3) == expected.replace("Failures", "Successes")


def test_the_heading_says_what_the_queries_have_in_common():
    assert in_common(True, 3) == "All 3 nearest videos are of the query's class"
    assert in_common(False, 3) == "None of the 3 nearest videos is of the query's class"
    assert in_common(True, 1) == "The nearest video is of the query's class"
    assert in_common(False, 1) == "The nearest video is not of the query's class"


@pytest.mark.parametrize("shape", [(16, 24, 3), (24, 16, 3)])
def test_the_sides_do_not_overlap_and_no_text_is_cut_or_covered(shape):
    frame = np.zeros(shape, np.uint8)
    label = "WWWWW playing squash or racquetball"
    row = [Clip(frame, label, "query")] + [Clip(frame, label, "similarity 0.90", True)] * 3
    sides = [Side("Successes", "All " * 50, [row] * 3), Side("Failures", "None " * 50, [row])]
    figure = draw("A title " * 50, sides, 3)
    figure.canvas.draw()
    pictures = [axes.get_position() for axes in figure.axes]
    left, right = pictures[:12], pictures[12:]
    assert len(right) == 4
    assert max(place.x1 for place in left) < min(place.x0 for place in right)
    # The first rows of both sides are level.
    assert {round(place.y0, 6) for place in left[:4] + right} == {round(left[0].y0, 6)}
    texts = figure.texts + [text for axes in figure.axes for text in axes.texts]
    boxes = [text.get_window_extent() for text in texts]
    assert len(boxes) == 1 + 2 * 2 + 2 * 16
    width, height = figure.get_size_inches() * DPI
    for box in boxes:
        assert 0 < box.x0 < box.x1 < width
        assert 0 < box.y0 < box.y1 < height
    boxes += [axes.get_window_extent() for axes in figure.axes]
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("nearest", ["run", "walk"])
def test_the_figure_is_written_without_successes_or_without_failures(frames, tmp_path, nearest):
    neighbours = table(
        *(
            ("test0", "run", rank, video, nearest)
            for rank, video in enumerate(["train0", "train1", "test1"], 1)
        )
    )
    recipe = RetrievalFigure(title="What is $near$?", evaluation="ours", queries=1)
    output = tmp_path / "out" / "figure.png"
    write_retrieval_figure(recipe, neighbours, INDEX, frames, LENGTH, output)
    image = cv2.imread(str(output))
    assert image.shape[1] > image.shape[0] > 100
    # All pictures are grey, and only one side has any.
    grey = (np.abs(image.astype(int) - 10 * (4 + LENGTH // 2)).max(axis=-1) < 4).mean(axis=0)
    left, right = grey[: len(grey) // 2].max(), grey[len(grey) // 2 :].max()
    assert (left > 0.2, right > 0.2) == (nearest == "run", nearest == "walk")


def test_a_clip_that_is_not_stored_is_named(frames):
    index = pd.concat([INDEX, pd.DataFrame([{"video": "lost", "shard": "0"}])])
    with pytest.raises(MotionFitError, match="no video 'lost'"):
        StoredClips(frames, index, "frames").middle("lost", 0, LENGTH)
