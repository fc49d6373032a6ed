import json

import numpy as np
import pandas as pd
import pytest
import torch

from motionfit.clips.transforms import centre_crop, network_input
from motionfit.config import Features, LabelledPart, PseudoLabels
from motionfit.datasets.index import labelled_train, source_videos
from motionfit.errors import MotionFitError
from motionfit.models import build_network, save_model
from motionfit.pseudo_labels.videos import chosen_videos
from motionfit.stages.features import features
from motionfit.stages.pseudo_labels import cluster, prepared
from motionfit.store.clips import ClipStore
from motionfit.store.features import VideoFeatures, read_features, write_features
from tests.stages import make_pseudo_labels
from tests.videos import described, make_flow, make_index


def recipe(clusters: int, **options) -> PseudoLabels:
    return PseudoLabels(motion_model="m", dataset="d", clusters=clusters, **options)


def make_features(
    folder, features: dict[str, np.ndarray], rate: float = 12.0, model_rate: float = 12.0
) -> None:
    folder.mkdir()
    write_features(
        folder / "0000.h5",
        8,
        [
            VideoFeatures(video, 8 * np.arange(len(values)), values, 8 * len(values), 8)
            for video, values in features.items()
        ],
        [rate] * len(features),
        model_rate,
    )


def test_the_features_file_has_the_features_of_the_network(tmp_path):
    rng = np.random.default_rng(0)
    fields = {"long": rng.normal(0, 3, (20, 28, 32, 2)), "short": rng.normal(0, 3, (5, 28, 32, 2))}
    another = rng.normal(0, 3, (13, 28, 32, 2))
    make_flow(tmp_path / "flow" / "0000.h5", fields)
    make_flow(tmp_path / "flow" / "0001.h5", {"not asked for": another})
    make_flow(tmp_path / "flow" / "0003.h5", {"another": another})
    network = build_network("r2plus1d_small", "flow", 2, seed=0).eval()
    about = described("flow", ["a", "b"], 8, [28, 32], 24)
    save_model(network, about, tmp_path / "model.pt")
    output = tmp_path / "features.h5"
    features(
        recipe=Features(stride=4, batch_size=3),
        model=tmp_path / "model.pt",
        clips_folder=tmp_path / "flow",
        shards=["0000", "0003"],
        threads=1,
        output=output,
    )
    long, short, last = read_features([output])
    assert [video.video for video in (long, short, last)] == ["long", "short", "another"]
    assert long.starts.tolist() == [0, 4, 8, 12]
    assert short.starts.tolist() == [0]
    assert (long.frames, long.clip_length) == (20, 8)
    for shard, video in (("0000", long), ("0003", last)):
        clip = ClipStore(tmp_path / "flow", [shard], "flow").read(video.video, 4, 8)
        x = network_input(torch.from_numpy(centre_crop(clip, 24))[None], "flow")
        with torch.no_grad():
            assert np.allclose(network.features(x)[0].numpy(), video.features[1], atol=1e-4)


def test_features_of_longer_clips_than_the_network_was_trained_with(tmp_path):
    fields = {"v": np.random.default_rng(0).normal(0, 3, (40, 28, 32, 2))}
    make_flow(tmp_path / "flow" / "0000.h5", fields)
    network = build_network("r2plus1d_small", "flow", 2, seed=0).eval()
    save_model(network, described("flow", ["a", "b"], 8, [28, 32], 24), tmp_path / "model.pt")
    features(
        recipe=Features(clip_length=16, stride=6),
        model=tmp_path / "model.pt",
        clips_folder=tmp_path / "flow",
        shards=["0000"],
        threads=1,
        output=tmp_path / "features.h5",
    )
    [video] = read_features([tmp_path / "features.h5"])
    assert video.clip_length == 16
    assert video.starts.tolist() == [0, 6, 12, 18, 24]
    clip = ClipStore(tmp_path / "flow", ["0000"], "flow").read("v", 6, 16)
    x = network_input(torch.from_numpy(centre_crop(clip, 24))[None], "flow")
    with torch.no_grad():
        assert np.allclose(network.features(x)[0].numpy(), video.features[1], atol=1e-4)


@pytest.mark.parametrize(
    ("rate", "warned"), [(12.0, False), (30.0, True), (10.0, False), (6.0, True)]
)
def test_a_source_of_another_frame_rate_gives_one_warning(tmp_path, caplog, rate, warned):
    rng = np.random.default_rng(0)
    make_features(tmp_path / "features", {v: rng.normal(size=(3, 4)) for v in "abc"}, rate, 12.0)
    make_pseudo_labels(
        recipe(2),
        make_index(dict.fromkeys("abc", "")),
        1,
        LabelledPart(),
        tmp_path / "features",
        1,
        1,
        tmp_path / "out",
    )
    said = [r.message for r in caplog.records if "frames per second" in r.message]
    assert len(said) == warned
    if rate == 30:
        assert "the source has 30 frames per second" in said[0]
        assert "learned from videos with 12: to the model, motion looks 0.4 times" in said[0]
        assert "the same fps, 12 or less" in said[0]


def test_every_label_occurs_and_points_have_the_nearest_centroid():
    points = np.random.default_rng(0).normal(0, 1, (300, 8)).astype(np.float32)
    labels, centroids, inertia = cluster(points, recipe(20))
    assert set(labels) == set(range(20))
    distances = np.square(points[:, None] - centroids[None]).sum(-1)
    assert np.array_equal(labels, distances.argmin(1))
    assert inertia == pytest.approx(distances.min(1).sum(), rel=1e-4)


def test_no_cluster_is_empty_if_kmeans_stops_early():
    rng = np.random.default_rng(0)
    points = np.repeat(rng.normal(0, 1, (12, 2)), 20, axis=0).astype(np.float32)
    points += rng.normal(0, 1e-4, points.shape).astype(np.float32)
    for seed in range(5):
        labels, centroids, _ = cluster(points.copy(), recipe(40, max_iterations=1, seed=seed))
        assert set(labels) == set(range(40))
        assert np.isfinite(centroids).all()


def test_more_clusters_than_distinct_clips_is_an_error():
    points = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    with pytest.raises(MotionFitError, match="clusters is 5, but the source gives only 4"):
        cluster(points, recipe(5))
    labels, _, _ = cluster(points, recipe(4))
    assert set(labels) == {0, 1, 2, 3}


@pytest.mark.parametrize("clusters", [2, 5])
def test_a_motion_model_that_gives_equal_features_is_named(clusters):
    points = np.repeat(np.eye(4, dtype=np.float32)[: clusters - 1], 50, axis=0)
    with pytest.raises(MotionFitError) as error:
        cluster(points, recipe(clusters))
    name = recipe(clusters).motion_model
    message = str(error.value)
    assert f"the motion model {name!r} gives nearly all of the {len(points)} clips the" in message
    assert f"lower motion_models.{name}.training.learning_rate" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_features_that_are_not_finite_or_huge_name_the_diverged_motion_model(tmp_path, value):
    features = {v: np.eye(3, 4) for v in "abc"}
    features["b"][1, 2] = value
    make_features(tmp_path / "features", features)
    with pytest.raises(MotionFitError, match=r"features of b .* model 'm\w*' has diverged: lower"):
        make_pseudo_labels(
            recipe(2),
            make_index(dict.fromkeys("abc", "")),
            1,
            LabelledPart(),
            tmp_path / "features",
            1,
            1,
            tmp_path / "out",
        )
    assert not (tmp_path / "out" / "labels.csv").exists()


def test_a_model_with_weights_that_are_not_finite_writes_no_features(tmp_path):
    fields = {"v": np.random.default_rng(0).normal(0, 3, (10, 28, 32, 2))}
    make_flow(tmp_path / "flow" / "0000.h5", fields)
    network = build_network("r2plus1d_small", "flow", 2, seed=0)
    with torch.no_grad():
        network.stem[0].weight[0] = torch.nan
    model = tmp_path / "motion" / "model.pt"
    save_model(network, described("flow", ["a", "b"], 8, [28, 32], 24), model)
    with pytest.raises(MotionFitError, match=f"{model} gives numbers that are not finite: its tr"):
        features(
            recipe=Features(),
            model=model,
            clips_folder=tmp_path / "flow",
            shards=["0000"],
            threads=1,
            output=tmp_path / "f.h5",
        )
    assert not (tmp_path / "f.h5").exists()


def test_two_separate_motions_give_perfect_clusters_and_quality(tmp_path):
    rng = np.random.default_rng(0)
    truth = {f"v{i}": "ab"[i % 2] for i in range(10)}
    features = {
        name: rng.normal(0, 0.1, (3, 4)) + (5 if label == "a" else -5)
        for name, label in truth.items()
    }
    make_features(tmp_path / "features", features)
    out = tmp_path / "labels"
    make_pseudo_labels(
        recipe(2), make_index(truth), 1, LabelledPart(), tmp_path / "features", 1, 1, out
    )
    labels = pd.read_csv(out / "labels.csv")
    assert list(labels.columns) == ["video", "start", "length", "label"]
    assert len(labels) == 30
    assert labels.groupby("video")["label"].nunique().max() == 1
    quality = json.loads((out / "quality.json").read_text())
    assert quality["nmi"] == pytest.approx(1)
    assert quality["purity"] == 1
    assert quality["sizes"] == [15, 15]
    assert np.load(out / "centroids.npy").shape == (2, 4)
    source_map = pd.read_csv(out / "map.csv")
    assert list(source_map.columns) == ["video", "start", "length", "label", "x", "y"]
    assert len(source_map) == 30
    sides = source_map.groupby("label")[["x", "y"]].mean()
    within = source_map.groupby("label")[["x", "y"]].std().max().max()
    assert np.linalg.norm(sides.loc[0] - sides.loc[1]) > 2 * within


def test_the_source_excludes_test_videos():
    index = make_index({"a": "x", "b": "x", "c": ""}, test={"b"})
    index["split2"] = ["test", "train", ""]
    assert source_videos(index, 1, "train")["video"].tolist() == ["a", "c"]
    assert source_videos(index, 2, "train")["video"].tolist() == ["b", "c"]
    assert source_videos(index, 1, "all")["video"].tolist() == ["a", "b", "c"]
    # The source has only split 1, while split 3 of the target is evaluated.
    assert source_videos(index.drop(columns="split2"), 3, "train")["video"].tolist() == ["a", "c"]


def test_the_source_excludes_unlabelled_videos_of_test_groups():
    index = make_index({"a": "x", "b": "x", "c": "", "d": "", "e": "x"}, test={"b"})
    index["group"] = ["1", "2", "2", "1", "2"]
    index["split1"] = ["train", "test", "", "", "train"]
    # e is in the training set though its group has a test video, as in HMDB51, where some films are
    # in both parts.
    assert source_videos(index, 1, "train")["video"].tolist() == ["a", "d", "e"]


def test_test_videos_are_not_clustered(tmp_path):
    features = {
        name: np.random.default_rng(i).normal(0, 1, (3, 4)) for i, name in enumerate("abcd")
    }
    make_features(tmp_path / "features", features)
    index = make_index(dict.fromkeys("abcd", "x"), test={"b"})
    make_pseudo_labels(
        recipe(2), index, 1, LabelledPart(), tmp_path / "features", 1, 1, tmp_path / "out"
    )
    assert set(pd.read_csv(tmp_path / "out" / "labels.csv")["video"]) == {"a", "c", "d"}


def test_principal_components_may_be_whitened_or_normalised():
    rng = np.random.default_rng(0)
    points = rng.normal(0, [10, 3, 0.01, 0.01], (200, 4)).astype(np.float32)
    reduced = prepared(points, recipe(2, pca=2))
    assert reduced.shape == (200, 2)
    assert reduced.std(axis=0) == pytest.approx([10, 3], rel=0.15)
    assert prepared(points, recipe(2, pca=2, whiten=True)).std(axis=0) == pytest.approx(
        [1, 1], 0.01
    )
    both = prepared(points, recipe(2, pca=2, normalise=True))
    assert np.linalg.norm(both, axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    assert np.sign(both[:, 0]).tolist() == np.sign(reduced[:, 0]).tolist()
    assert prepared(points, recipe(2)) is points  # unchanged, as in the paper


def test_more_components_than_dimensions_is_an_error():
    with pytest.raises(MotionFitError, match="pca is 5, but there are only 8 features of 4"):
        prepared(np.zeros((8, 4), np.float32), recipe(2, pca=5))


def test_normalised_features_are_clustered_by_their_direction():
    angles, lengths = np.repeat([0.1, 1.4], 20), np.tile([1.0, 50.0], 20)
    points = (lengths * np.stack([np.cos(angles), np.sin(angles)])).T.astype(np.float32)
    plain, _, _ = cluster(prepared(points, recipe(2)), recipe(2))
    labels, _, _ = cluster(prepared(points, recipe(2, normalise=True)), recipe(2))
    assert len(set(labels[:20])) == len(set(labels[20:])) == 1
    assert labels[0] != labels[-1]
    assert len(set(plain[:20])) + len(set(plain[20:])) == 3  # all short vectors are in one cluster


def test_videos_of_the_labelled_part_can_be_left_out():
    truth = {"a": "x", "b": "x", "c": "x", "d": "x", "e": ""}
    index = make_index(truth, test={"d"})
    index.loc[4, "split1"] = ""
    for seed in range(4):
        half = LabelledPart(label_fraction=0.5, label_seed=seed)
        used = set(labelled_train(index, 1, half)["video"])
        left = set(chosen_videos(recipe(2, videos="unlabelled"), index, 1, half)["video"])
        assert used
        assert left == {"a", "b", "c", "e"} - used
    all_videos = chosen_videos(recipe(2), index, 1, LabelledPart())
    assert set(all_videos["video"]) == {"a", "b", "c", "e"}


def test_classes_can_be_left_out(caplog):
    index = make_index({"a": "run", "b": "play chess", "c": "", "d": "run"}, test={"d"})

    def chosen(*names, index=index):
        rows = chosen_videos(recipe(2, exclude_classes=names), index, 1, LabelledPart())
        return set(rows["video"])

    assert chosen("play chess") == {"a", "c"}
    assert chosen("play chess", "swim") == {"a", "c"}  # a copy of a data set may lack a class
    assert "the source has no class named swim" in caplog.text
    with pytest.raises(MotionFitError, match="none of the classes, such as Run"):
        chosen("Run")
    with pytest.raises(MotionFitError, match="no video of the source is left"):
        chosen("run", "play chess", index=index.drop(2))
