import json

import numpy as np
import pandas as pd
import pytest

from motionfit.evaluation.retrieval import (
    label_hits,
    nearest,
    recall,
    retrieve,
    unit,
    video_means,
)
from motionfit.models import build_network, save_model
from tests.videos import described, make_frames, make_index, moving_square


def table(count: int, seed: int, classes: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    features = unit(rng.normal(0, 1, (count, 6)))
    return pd.DataFrame(
        {
            "video": [f"v{i // 2}" for i in range(count)],
            "start": [8 * (i % 2) for i in range(count)],
            "label": [str(i // 2 % classes) for i in range(count)],
            "feature": list(features),
        }
    )


@pytest.mark.parametrize("k", [1, 3, 20, 500])
def test_recall_equals_a_brute_force_computation(k):
    queries, gallery = table(40, 0), table(60, 1)
    found = 0
    for _, query in queries.iterrows():
        cosines = [float(query["feature"] @ g) for g in gallery["feature"]]
        order = sorted(range(len(gallery)), key=lambda i: -cosines[i])[:k]
        found += any(gallery["label"][i] == query["label"] for i in order)
    assert recall(label_hits(queries, gallery, 500), k) == pytest.approx(found / 40)


def test_nearest_first():
    gallery = unit(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    places, cosines = nearest(unit(np.array([[2.0, 0.1]])), gallery, 2)
    assert places.tolist() == [[1, 2]]
    assert cosines[0, 0] > cosines[0, 1]


def test_a_video_is_the_mean_of_its_clips():
    clips = table(4, 0)
    means = video_means(clips)
    assert means["video"].tolist() == ["v0", "v1"]
    expected = unit(np.mean([clips["feature"][0], clips["feature"][1]], axis=0))
    assert np.allclose(means["feature"][0], expected)


def test_videos_find_their_likes(tmp_path):
    """Bright and dark videos: any network, even an untrained one, keeps them apart."""
    rng = np.random.default_rng(0)
    videos, labels = {}, {}
    for i in range(12):
        video = moving_square(20) if i % 2 else np.full((20, 32, 48, 3), 20, np.uint8)
        name = f"v{i:02d}"
        videos[name] = (video + rng.integers(0, 9, video.shape)).astype(np.uint8)
        labels[name] = "square" if i % 2 else "nothing"
    make_frames(tmp_path / "frames" / "0000.h5", videos)
    network = build_network("r2plus1d_small", "frames", 2, seed=0)
    about = described("frames", ["x", "y"], 8, [32, 48], 28)
    save_model(network, about, tmp_path / "model.pt")
    index = make_index(labels, test={"v00", "v01", "v02"})
    retrieve(tmp_path / "model.pt", index, 1, tmp_path / "frames", 8, 10, [1, 5], 1,
             tmp_path / "retrieval.json", tmp_path / "neighbours.csv")  # fmt: skip
    result = json.loads((tmp_path / "retrieval.json").read_text())
    assert result == {"clip": {"R@1": 1, "R@5": 1}, "video": {"R@1": 1, "R@5": 1}}
    neighbours = pd.read_csv(tmp_path / "neighbours.csv")
    assert set(neighbours["query"]) == {"v00", "v01", "v02"}
    assert not set(neighbours["video"]) & {"v00", "v01", "v02"}
    first = neighbours[neighbours["rank"] == 1]
    assert (first["label"] == first["query_label"]).all()
