import json

import numpy as np
import pandas as pd
import pytest
import torch

from motionfit.evaluation import retrieval
from motionfit.evaluation.retrieval import (
    VideoClips,
    clip_features,
    label_hits,
    largest,
    nearest_videos,
    recall,
    unit,
)
from motionfit.models import build_network, save_model
from motionfit.store.clips import ClipStore
from tests.stages import retrieve
from tests.videos import described, make_frames, make_index, moving_square

ABOUT = described("frames", ["x", "y"], 8, [32, 48], 28)


def random_clips(videos: int, seed: int, clips: int = 2, classes: int = 4) -> VideoClips:
    features = unit(np.random.default_rng(seed).normal(0, 1, (videos, clips, 6)))
    return VideoClips(
        np.array([f"v{i}" for i in range(videos)], object),
        np.array([str(i % classes) for i in range(videos)], object),
        np.tile(8 * np.arange(clips), (videos, 1)),
        features,
    )


def at_angles(videos: str, labels: str, angles: np.ndarray) -> VideoClips:
    """Videos with features in a plane. `videos`, `labels`: one letter per video. `angles`: (V, N),
    the angle of each clip's feature."""
    V, N = angles.shape
    features = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return VideoClips(
        np.array(list(videos), object),
        np.array(list(labels), object),
        np.tile(8 * np.arange(N), (V, 1)),
        features,
    )


@pytest.mark.parametrize("block_size", [2**24, 300, 1])
@pytest.mark.parametrize("k", [1, 3, 20, 500])
def test_recall_equals_a_brute_force_computation(k, block_size, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_SIZE", block_size)  # all queries, some, or one
    queries, gallery = random_clips(20, 0).by_clip(), random_clips(30, 1).by_clip()
    hits = 0
    for query, label in zip(*queries, strict=True):
        cosines = [float(query @ g) for g in gallery.features]
        order = sorted(range(60), key=lambda i: -cosines[i])[:k]
        hits += any(gallery.labels[i] == label for i in order)
    assert recall(label_hits(queries, gallery, 500), k) == pytest.approx(hits / 40)


def test_largest_returns_descending_values_and_their_indices():
    indices, values = largest(np.array([[0.1, 0.7, 0.5], [0.3, 0.2, 0.1]]), 2)
    assert indices.tolist() == [[1, 2], [0, 1]]
    assert values.tolist() == [[0.7, 0.5], [0.3, 0.2]]
    assert largest(np.array([[0.1, 0.7, 0.5]]), 9)[0].tolist() == [[1, 2, 0]]


def test_by_video_averages_the_clips_of_a_video():
    clips = random_clips(2, 0)
    means = clips.by_video()
    assert means.labels.tolist() == ["0", "1"]
    assert np.allclose(means.features[0], unit(clips.features[0, 0] + clips.features[0, 1]))


def test_all_ten_clips_of_a_short_video_count():
    """A short video of another class has the nearest clip ten times. All ten rank before the first
    clip of the query's class."""
    near, far = np.full(10, 0.1), np.linspace(0.2, 0.9, 10)
    gallery = at_angles("ab", "xy", np.stack([near, far]))
    queries = at_angles("qr", "yx", np.array([[0.0] * 10, [0.0] * 9 + [1.0]]))
    hits = label_hits(queries.by_clip(), gallery.by_clip(), 20)
    assert hits.shape == (20, 20)
    # The ten clips of q have no hit among the first 10. Nine clips of r hit at rank 1; the tenth is
    # nearer to nine clips of y.
    assert recall(hits, 1) == 9 / 20
    assert recall(hits, 5) == 9 / 20
    assert recall(hits, 10) == 9 / 20
    assert recall(hits, 11) == 1


def test_a_short_video_gets_as_many_clips_as_the_others(tmp_path):
    videos = {"long": moving_square(26), "short": moving_square(10), "still": moving_square(5)}
    make_frames(tmp_path / "0000.h5", videos)
    rows = pd.DataFrame({"video": ["short", "long", "still"], "label": ["x", "y", "x"]})
    network = build_network("r2plus1d_small", "frames", 2, seed=0).eval()
    clips = clip_features(
        network, ABOUT, rows, ClipStore(tmp_path, ["0000"], "frames"), 10, torch.device("cpu"), 1
    )
    assert clips.videos.tolist() == ["short", "long", "still"]
    assert clips.starts.tolist() == [
        [0, 0, 0, 1, 1, 1, 1, 2, 2, 2],
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 18],
        [0] * 10,
    ]
    assert clips.features.shape[:2] == (3, 10)
    assert np.allclose(np.linalg.norm(clips.features, axis=-1), 1, atol=1e-5)
    assert (clips.features[0, 3] == clips.features[0, 6]).all()
    assert (clips.features[0, 2] != clips.features[0, 3]).any()
    assert clips.by_clip().labels.tolist() == ["x"] * 10 + ["y"] * 10 + ["x"] * 10


@pytest.mark.parametrize("block_size", [2**24, 1])
def test_ten_videos_are_listed_even_if_one_has_all_the_nearest_clips(block_size, monkeypatch):
    """Video a has the 12 nearest clips. Each of the other videos is farther than the one before,
    and its nearest clip has the next index."""
    monkeypatch.setattr(retrieval, "BLOCK_SIZE", block_size)
    names = "abcdefghijklmn"
    position = np.arange(len(names))[:, None]
    angles = 0.1 * position + 0.005 * ((np.arange(12) - position) % 12)
    order = np.random.default_rng(0).permutation(len(names))
    shuffled = "".join(names[i] for i in order)
    labels = shuffled.translate(str.maketrans("aeim", "xxxx"))
    gallery = at_angles(shuffled, labels, angles[order])
    # The middle one of three clips is the query: at angle 0 for q, and 0.1 for r.
    queries = at_angles("qr", "xy", np.array([[1.5, 0, 1.5], [1.5, 0.1, 1.5]]))
    table = nearest_videos(queries, gallery)
    assert table.columns.tolist() == [
        "query",
        "query_start",
        "query_label",
        "rank",
        "video",
        "start",
        "label",
        "similarity",
    ]
    of_q = table[table["query"] == "q"]
    assert (of_q["query_start"] == 8).all()
    assert of_q["rank"].tolist() == list(range(1, 11))
    assert of_q["video"].tolist() == list("abcdefghij")
    assert of_q["label"].tolist() == list("xbcdxfghxj")
    assert of_q["start"].tolist() == [8 * i for i in range(10)]
    assert of_q["similarity"].tolist() == np.cos(0.1 * np.arange(10)).round(4).tolist()
    assert table[table["query"] == "r"]["video"].iloc[0] == "b"
    assert len(table) == 20


def test_fewer_than_ten_training_videos_are_all_listed():
    table = nearest_videos(random_clips(5, 0), random_clips(3, 1))
    assert (table.groupby("query")["video"].nunique() == 3).all()
    assert len(table) == 15


def test_bright_and_dark_videos_retrieve_their_own_class(tmp_path):
    """Even an untrained network distinguishes them."""
    rng = np.random.default_rng(0)
    videos, labels = {}, {}
    for i in range(12):
        video = moving_square(20) if i % 2 else np.full((20, 32, 48, 3), 20, np.uint8)
        name = f"v{i:02d}"
        videos[name] = (video + rng.integers(0, 9, video.shape)).astype(np.uint8)
        labels[name] = "square" if i % 2 else "nothing"
    make_frames(tmp_path / "frames" / "0000.h5", videos)
    network = build_network("r2plus1d_small", "frames", 2, seed=0)
    save_model(network, ABOUT, tmp_path / "model.pt")
    index = make_index(labels, test={"v00", "v01", "v02"})
    retrieve(
        tmp_path / "model.pt",
        index,
        1,
        tmp_path / "frames",
        8,
        10,
        [1, 5],
        1,
        tmp_path / "retrieval.json",
    )
    result = json.loads((tmp_path / "retrieval.json").read_text())
    assert result == {"clip": {"R@1": 1, "R@5": 1}, "video": {"R@1": 1, "R@5": 1}}
    neighbours = pd.read_csv(tmp_path / "neighbours.csv")
    assert set(neighbours["query"]) == {"v00", "v01", "v02"}
    for _, rows in neighbours.groupby("query"):
        assert set(rows["video"]) == {f"v{i:02d}" for i in range(3, 12)}  # each once
        assert len(rows) == 9
    first = neighbours[neighbours["rank"] == 1]
    assert (first["label"] == first["query_label"]).all()
