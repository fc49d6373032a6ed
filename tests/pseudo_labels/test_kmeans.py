import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from motionfit.config import LabelledPart, PseudoLabels
from motionfit.errors import MotionFitError
from motionfit.pseudo_labels import points as points_module
from motionfit.pseudo_labels.kmeans import CPU, Points, farthest, first_centroids, kmeans, lloyd
from motionfit.pseudo_labels.points import mapped, prepared
from tests.pseudo_labels.test_stage import make_features
from tests.stages import make_pseudo_labels
from tests.videos import make_index


def recipe(**options) -> PseudoLabels:
    return PseudoLabels(motion_model="m", dataset="d", **{"clusters": 2, **options})


def blobs(clusters: int, each: int, dimensions: int, spread: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 10, (clusters, 1, dimensions))
    points = centres + rng.normal(0, spread, (clusters, each, dimensions))
    return rng.permutation(points.reshape(-1, dimensions).astype(np.float32))


def brute_force(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """(N, K) squared distances in float64."""
    return np.square(points[:, None].astype(np.float64) - centroids[None]).sum(-1)


def test_well_separated_blobs_give_the_clusters_of_scikit_learn():
    points = blobs(12, 50, 8, 0.1)
    ours = kmeans(points, 12, restarts=3)
    theirs = KMeans(12, n_init=3, random_state=0).fit(points)
    assert adjusted_rand_score(theirs.labels_, ours.labels) == 1
    assert ours.inertia == pytest.approx(theirs.inertia_, rel=1e-4)
    order = brute_force(theirs.cluster_centers_, ours.centroids).argmin(1)
    assert np.allclose(ours.centroids[order], theirs.cluster_centers_, atol=1e-4)


def test_the_same_initial_centroids_give_the_clusters_of_scikit_learn():
    points = np.random.default_rng(0).normal(3, 1, (2000, 6)).astype(np.float32)
    start = points[:15]
    theirs = KMeans(15, init=start, n_init=1, max_iter=300, tol=0).fit(points)
    data = Points(points, 15, CPU, rows=300)
    ours = lloyd(data, torch.from_numpy(start - data.mean), 300)
    assert np.mean(ours.labels != theirs.labels_) < 0.01
    assert ours.inertia == pytest.approx(theirs.inertia_, rel=1e-4)


def test_inertia_is_near_that_of_scikit_learn_on_points_without_structure():
    points = np.random.default_rng(0).normal(0, 1, (3000, 10)).astype(np.float32)
    ours = kmeans(points, 25, restarts=4)
    theirs = KMeans(25, n_init=4, random_state=0).fit(points)
    assert ours.inertia < 1.01 * theirs.inertia_


def test_labels_centroids_and_inertia_are_consistent():
    points = np.random.default_rng(0).normal(0, 1, (700, 5)).astype(np.float32)
    found = kmeans(points, 9, max_iterations=300)
    distances = brute_force(points, found.centroids)
    assert found.labels.shape == (700,)
    assert found.centroids.dtype == np.float32
    assert np.array_equal(found.labels, distances.argmin(1))
    assert found.inertia == pytest.approx(distances.min(1).sum(), rel=1e-5)
    means = np.stack([points[found.labels == k].mean(axis=0) for k in range(9)])
    assert np.allclose(found.centroids, means, atol=1e-2)  # within the tolerance


def test_the_restart_with_the_lowest_inertia_is_kept():
    points = blobs(20, 20, 2, 0.5)
    single = [kmeans(points, 20, seed=s).inertia for s in range(6)]
    assert kmeans(points, 20, restarts=8, seed=0).inertia <= single[0]
    assert kmeans(points, 20, restarts=8, seed=0).inertia < max(single)


def test_max_iterations_limits_the_iterations():
    points = np.random.default_rng(0).normal(0, 1, (2000, 4)).astype(np.float32)
    one, many = kmeans(points, 30, max_iterations=1), kmeans(points, 30)
    assert one.iterations == 1
    assert 1 < many.iterations <= 100
    assert many.inertia < one.inertia


def test_distances_are_exact_far_from_the_origin():
    points = (blobs(4, 50, 3, 0.01) / 100 + 1000).astype(np.float32)
    found = kmeans(points, 4, restarts=3)
    distances = brute_force(points, found.centroids)
    assert np.allclose(distances[range(200), found.labels], distances.min(1), atol=1e-6)
    assert found.inertia < 0.01


@pytest.mark.parametrize("rows", [1, 7, 100, 512, 5000])
def test_results_do_not_depend_on_the_chunk_size(rows):
    points = blobs(30, 40, 16, 4.0)
    whole = kmeans(points, 30, rows=len(points))
    parts = kmeans(points, 30, rows=rows)
    assert np.array_equal(whole.labels, parts.labels)
    assert np.allclose(whole.centroids, parts.centroids, atol=1e-4)
    assert whole.iterations == parts.iterations


def test_a_memory_map_gives_the_same_result_as_an_array_and_is_not_changed(tmp_path):
    points = blobs(10, 60, 8, 4.0)
    points.tofile(tmp_path / "points")
    before = (tmp_path / "points").read_bytes()
    on_disk = np.memmap(tmp_path / "points", np.float32, "r", shape=points.shape)
    array, file = kmeans(points, 10, rows=64), kmeans(on_disk, 10, rows=64)
    assert np.array_equal(array.labels, file.labels)
    assert np.array_equal(array.centroids, file.centroids)
    assert (tmp_path / "points").read_bytes() == before


def test_results_depend_on_the_seed_and_not_on_the_number_of_threads():
    points = np.random.default_rng(0).normal(0, 1, (4000, 32)).astype(np.float32)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(kmeans(points, 40, seed=5, rows=1000))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert np.array_equal(results[0].labels, other.labels)
        assert np.array_equal(results[0].centroids, other.centroids)
    assert not np.array_equal(results[0].labels, kmeans(points, 40, seed=6).labels)


def test_an_empty_cluster_gets_the_farthest_point():
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [9, 9], [10, 10]], np.float32)
    data = Points(points, 3, CPU, rows=4)
    # No point is near the third centroid, so it moves to the point farthest from its centroid.
    start = torch.tensor([[0.5, 0.5], [0.4, 0.4], [-900, 0]]) - torch.from_numpy(data.mean)
    found = lloyd(data, start, 50)
    assert set(found.labels) == {0, 1, 2}
    assert found.labels[4] == found.labels[5] == 2
    assert np.allclose(found.centroids[2], 9.5)


@pytest.mark.parametrize("max_iterations", [1, 50])
def test_no_cluster_is_empty_if_all_initial_centroids_are_equal(max_iterations):
    points = np.random.default_rng(0).normal(0, 1, (90, 3)).astype(np.float32)
    data = Points(points, 30, CPU, rows=32)
    found = lloyd(data, torch.zeros(30, 3), max_iterations)
    assert set(found.labels) == set(range(30))
    distances = brute_force(points, found.centroids)
    assert np.allclose(distances[range(90), found.labels], distances.min(1), atol=1e-5)


def test_as_many_clusters_as_distinct_points_put_one_centroid_on_each():
    different = np.random.default_rng(0).normal(0, 1, (12, 4)).astype(np.float32)
    points = np.repeat(different, [1, 30, 2, 1, 8, 1, 1, 40, 1, 3, 1, 2], axis=0)
    for seed in range(5):
        found = kmeans(points, 12, max_iterations=1, seed=seed)
        assert set(found.labels) == set(range(12))
        assert len(set(zip(found.labels, map(bytes, points), strict=True))) == 12
        assert found.inertia == pytest.approx(0, abs=1e-10)


def test_fewer_distinct_points_than_clusters_is_an_error():
    points = np.full((10, 3), 2, np.float32)
    with pytest.raises(MotionFitError, match="fewer different features than clusters"):
        kmeans(points, 2)


def test_points_that_are_not_finite_are_an_error():
    points = np.zeros((10, 2), np.float32)
    points[3, 1] = np.nan
    with pytest.raises(MotionFitError, match="not finite"):
        kmeans(points, 2)


def test_the_farthest_points_are_distinct_and_taking_them_empties_no_cluster():
    points = np.array([[0], [1], [9], [9], [7], [50]], np.float32)
    data = Points(points, 2, CPU, rows=6)
    centroids = torch.tensor([[0.0], [90.0]]) - torch.from_numpy(data.mean)
    labels = np.array([0, 0, 0, 0, 0, 1])
    # 50 is the only point of its cluster, the second 9 is a duplicate, 0 is on its centroid.
    assert farthest(data, centroids, labels, 4).tolist() == [2, 4, 1]
    assert farthest(data, centroids, labels, 2).tolist() == [2, 4]


def test_initial_centroids_are_spread_points_of_the_data():
    points = blobs(40, 100, 8, 0.01)
    data = Points(points, 40, CPU, rows=1000)
    chosen = first_centroids(data, 40, np.random.default_rng(0)).numpy() + data.mean
    distances = brute_force(chosen, points)
    assert np.allclose(distances.min(1), 0, atol=1e-6)  # points of the data
    # There is one in each blob. A uniformly random choice would miss a third of the blobs.
    assert np.sqrt(brute_force(points, chosen).min(1)).max() < 1


def test_memory_does_not_grow_with_the_points(tmp_path):
    peaks = []
    for count in (10_000, 80_000):
        path = tmp_path / str(count)
        np.random.default_rng(0).normal(0, 1, (count, 64)).astype(np.float32).tofile(path)
        points = np.memmap(path, np.float32, "r", shape=(count, 64))
        tracemalloc.start()
        kmeans(points, 4, max_iterations=2, rows=1000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 70,000 points take 18 MB. Each point's label, its distance and the memory of sampling take 30
    # bytes.
    assert peaks[1] - peaks[0] < 4e6


@pytest.mark.parametrize("whiten", [False, True])
def test_principal_components_equal_those_of_scikit_learn(tmp_path, monkeypatch, whiten):
    monkeypatch.setattr(points_module, "ROWS", 64)
    rng = np.random.default_rng(0)
    mixing = rng.normal(0, 1, (12, 12)) * np.linspace(1, 3, 12)
    points = (rng.normal(0, 1, (1000, 12)) @ mixing + 50).astype(np.float32)
    ours = prepared(points, recipe(pca=5, whiten=whiten), tmp_path)
    theirs = PCA(5, whiten=whiten, svd_solver="full").fit_transform(points.astype(np.float64))
    assert ours.dtype == np.float32
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-3)
    assert np.allclose(ours, theirs, atol=1e-3)  # the signs agree too
    assert not list(tmp_path.iterdir())


def test_preparing_does_not_change_the_given_features():
    points = np.random.default_rng(0).normal(0, 1, (50, 4)).astype(np.float32)
    before = points.copy()
    lengths = np.linalg.norm(prepared(points, recipe(normalise=True)), axis=1)
    assert lengths == pytest.approx(np.ones(50), abs=1e-6)
    assert np.array_equal(points, before)


def test_a_file_of_numbers_is_mapped_as_rows(tmp_path):
    with (tmp_path / "file").open("w+b") as file:
        file.write(np.arange(4, dtype=np.float32))
        file.write(np.arange(4, 6, dtype=np.float32))
        points = mapped(file, 2)
    assert points.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_only_the_results_stay_in_the_output_folder(tmp_path):
    rng = np.random.default_rng(0)
    make_features(tmp_path / "features", {n: rng.normal(0, 1, (6, 4)) for n in "abc"})
    index = make_index(dict.fromkeys("abc", "x"))
    out = tmp_path / "out"
    options = recipe(pca=2, normalise=True)
    make_pseudo_labels(options, index, 1, LabelledPart(), tmp_path / "features", 1, 1, out)
    results = {"centroids.npy", "labels.csv", "map.csv", "quality.json"}
    assert {path.name for path in out.iterdir()} == results
    assert np.load(out / "centroids.npy").shape == (2, 2)
    failed = tmp_path / "failed"
    with pytest.raises(MotionFitError, match="clusters is 19"):
        make_pseudo_labels(
            recipe(clusters=19), index, 1, LabelledPart(), tmp_path / "features", 1, 1, failed
        )
    assert not list(failed.iterdir())
