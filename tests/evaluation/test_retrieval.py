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
from motionfit.stages.retrieval import retrieve
from motionfit.store.clips import ClipStore
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
    """Videos and labels of a letter each, and the angle (V, N) of each clip in a plane."""
    V, N = angles.shape
    features = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return VideoClips(
        np.array(list(videos), object),
        np.array(list(labels), object),
        np.tile(8 * np.arange(N), (V, 1)),
        features,
    )


@pytest.mark.parametrize("at_once", [2**24, 300, 1])
@pytest.mark.parametrize("k", [1, 3, 20, 500])
def test_recall_equals_a_brute_force_computation(k, at_once, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_SIZE", at_once)  # all queries, some, or one at a time
    queries, gallery = random_clips(20, 0).by_clip(), random_clips(30, 1).by_clip()
    found = 0
    for query, label in zip(*queries, strict=True):
        cosines = [float(query @ g) for g in gallery.features]
        order = sorted(range(60), key=lambda i: -cosines[i])[:k]
        found += any(gallery.labels[i] == label for i in order)
    assert recall(label_hits(queries, gallery, 500), k) == pytest.approx(found / 40)


def test_largest_first():
    places, values = largest(np.array([[0.1, 0.7, 0.5], [0.3, 0.2, 0.1]]), 2)
    assert places.tolist() == [[1, 2], [0, 1]]
    assert values.tolist() == [[0.7, 0.5], [0.3, 0.2]]
    assert largest(np.array([[0.1, 0.7, 0.5]]), 9)[0].tolist() == [[1, 2, 0]]


def test_a_video_is_the_mean_of_its_clips():
    clips = random_clips(2, 0)
    means = clips.by_video()
    assert means.labels.tolist() == ["0", "1"]
    assert np.allclose(means.features[0], unit(clips.features[0, 0] + clips.features[0, 1]))


def test_all_ten_clips_of_a_short_video_count():
    """The query's class comes behind one clip of another, which a short video has ten times."""
    near, far = np.full(10, 0.1), np.linspace(0.2, 0.9, 10)
    gallery = at_angles("ab", "xy", np.stack([near, far]))
    queries = at_angles("qr", "yx", np.array([[0.0] * 10, [0.0] * 9 + [1.0]]))
    hits = label_hits(queries.by_clip(), gallery.by_clip(), 20)
    assert hits.shape == (20, 20)
    # The ten clips of q miss up to R@10. Nine of r hit at once, the tenth is next to nine of y.
    assert recall(hits, 1) == 9 / 20
    assert recall(hits, 5) == 9 / 20
    assert recall(hits, 10) == 9 / 20
    assert recall(hits, 11) == 1


def test_a_short_video_has_as_many_clips_as_the_others(tmp_path):
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


@pytest.mark.parametrize("at_once", [2**24, 1])
def test_ten_videos_are_kept_though_the_nearest_clips_are_all_of_one(at_once, monkeypatch):
    """Video a has the 12 clips that are nearest; from b on, each is farther than the one before,
    and another of its clips is the nearest."""
    monkeypatch.setattr(retrieval, "BLOCK_SIZE", at_once)
    names = "abcdefghijklmn"
    place = np.arange(len(names))[:, None]
    angles = 0.1 * place + 0.005 * ((np.arange(12) - place) % 12)
    order = np.random.default_rng(0).permutation(len(names))
    shuffled = "".join(names[i] for i in order)
    labels = shuffled.translate(str.maketrans("aeim", "xxxx"))
    gallery = at_angles(shuffled, labels, angles[order])
    # Of three clips the middle one, at angle 0, is the query.
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


def test_of_few_training_videos_all_are_kept():
    table = nearest_videos(random_clips(5, 0), random_clips(3, 1))
    assert (table.groupby("query")["video"].nunique() == 3).all()
    assert len(table) == 15


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
        tmp_path / "neighbours.csv",
    )
    result = json.loads((tmp_path / "retrieval.json").read_text())
    assert result == {"clip": {"R@1": 1, "R@5": 1}, "video": {"R@1": 1, "R@5": 1}}
    neighbours = pd.read_csv(tmp_path / "neighbours.csv")
    assert set(neighbours["query"]) == {"v00", "v01", "v02"}
    for _, found in neighbours.groupby("query"):
        assert set(found["video"]) == {f"v{i:02d}" for i in range(3, 12)}  # each once
        assert len(found) == 9
    first = neighbours[neighbours["rank"] == 1]
    assert (first["label"] == first["query_label"]).all()
