import cv2
import numpy as np
import pandas as pd
import pytest

from motionfit.config import RetrievalFigure
from motionfit.errors import MotionFitError
from motionfit.report.pictures import StoredClips
from motionfit.report.retrieval_figure import choose_queries, clips_of, write_retrieval_figure
from motionfit.store.images import encode_jpeg
from motionfit.store.shards import write_shard

LENGTH = 8


@pytest.fixture
def frames(tmp_path):
    """Two shards of videos whose frames get brighter, ten grey levels a frame."""
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
    """Of (query, query's label, rank, video, label)."""
    return pd.DataFrame(
        [(q, 2, mine, rank, v, 4, label, 1 - rank / 10) for q, mine, rank, v, label in rows],
        columns=["query", "query_start", "query_label", "rank", "video", "start", "label",
                 "similarity"],
    )  # fmt: skip


def test_successes_and_failures_are_by_the_nearest_clip_and_spread_over_the_classes():
    rows = []
    for number, (label, nearest) in enumerate(
        [("run", "run"), ("run", "run"), ("run", "walk"), ("walk", "walk"), ("sit", "run")]
    ):
        # The second nearest never counts.
        rows += [(f"q{number}", label, 2, "train0", "run"), (f"q{number}", label, 1, "train1",
                                                             nearest)]  # fmt: skip
    neighbours = table(*rows)
    assert choose_queries(neighbours, True, 2) == ["q0", "q3"]
    assert choose_queries(neighbours, True, 9) == ["q0", "q1", "q3"]
    assert choose_queries(neighbours, False, 9) == ["q2", "q4"]
    assert choose_queries(neighbours, False, 1) in (["q2"], ["q4"])


def test_a_row_is_the_query_and_the_nearest_by_their_middle_frames(frames):
    found = table(("test0", "run", 2, "train1", "walk"), ("test0", "run", 1, "train0", "run"),
                  ("test0", "run", 3, "train1", "run"))  # fmt: skip
    query, *rest = clips_of(found, StoredClips(frames, INDEX, "frames"), LENGTH, 2)
    assert (query.label, query.hit) == ("run", None)
    assert query.frame.mean() == pytest.approx(10 * (2 + LENGTH // 2), abs=2)
    assert [clip.hit for clip in rest] == [True, False]
    assert rest[0].frame.mean() == pytest.approx(10 * (4 + LENGTH // 2), abs=2)
    assert rest[0].detail == "similarity 0.90"


@pytest.mark.parametrize("nearest", ["run", "walk"])
def test_the_picture_is_written_also_where_there_are_no_successes_or_no_failures(
    frames, tmp_path, nearest
):
    neighbours = table(("test0", "run", 1, "train0", nearest), ("test0", "run", 2, "train1", "sit"))
    recipe = RetrievalFigure(title="What is $near$?", evaluation="ours")
    output = tmp_path / "out" / "figure.png"
    write_retrieval_figure(recipe, neighbours, INDEX, frames, LENGTH, output)
    image = cv2.imread(str(output))
    assert image.shape[1] > image.shape[0] > 100


def test_a_clip_that_is_not_stored_is_named(frames):
    index = pd.concat([INDEX, pd.DataFrame([{"video": "lost", "shard": "0"}])])
    with pytest.raises(MotionFitError, match="no video 'lost'"):
        StoredClips(frames, index, "frames").middle("lost", 0, LENGTH)
