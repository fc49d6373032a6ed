import numpy as np
import pytest

from motionfit.config import PseudoLabels, Training
from motionfit.estimate.costs import (
    Cost,
    Job,
    cost,
    dense_clips,
    evaluated_clips,
    kmeans_seconds,
    together,
    training_seconds,
    units,
)
from motionfit.estimate.page import hours, size, total_cost
from motionfit.pseudo_labels.granularity import percentile_bounds


def clusters(**keys) -> PseudoLabels:
    return PseudoLabels(motion_model="m", dataset="d", **keys)


def test_hours_include_the_start_of_each_job():
    # 10 jobs take 350 s in total and 1 s each to start: 360 s, on 4 cores and one GPU.
    found = cost("flow", [Job(10, 350, 5e6)], start=1, threads=4, gpus=1)
    assert found.jobs == 10
    assert found.core_hours == pytest.approx(0.4)
    assert found.gpu_hours == pytest.approx(0.1)
    assert found.longest == pytest.approx(36 / 3600)
    assert found.bytes == 5e6


def test_the_longest_job_is_that_of_the_data_set_with_the_longest_jobs():
    found = cost("frames", [Job(2, 100, 0), Job(1, 80, 0)], start=0, threads=1, gpus=0)
    assert found.longest == pytest.approx(80 / 3600)
    assert found.gpu_hours == 0


def test_errors_are_weighted_by_the_time_of_their_jobs():
    # 300 s may be off by 10%, 100 s are exact: 30 s of 400.
    found = cost("flow", [Job(1, 300, 0, 0.1), Job(1, 100, 0)], start=0, threads=1, gpus=0)
    assert found.error == pytest.approx(0.075)


def test_a_stage_without_jobs_costs_nothing():
    found = cost("features", [], start=5, threads=8, gpus=1)
    assert (found.jobs, found.core_hours, found.error, found.longest) == (0, 0, 0, 0)


def test_the_time_of_a_training_grows_with_epochs_and_clips():
    recipe = Training(epochs=10, clips_per_video=3)
    # One epoch takes 3 x (90 x 0.02 + 10 x 0.01) = 5.7 s.
    assert training_seconds(recipe, 90, 10, 0.02, 0.01, devices=1) == pytest.approx(57)
    assert training_seconds(recipe, 90, 10, 0.02, 0.01, devices=2) == pytest.approx(28.5)


def test_numbers_of_clips():
    # A video of 40 frames has clips at 0, 8, 16 and 24; one shorter than a clip has one clip.
    assert dense_clips(np.array([40, 10]), 16, 8).tolist() == [4, 1]
    # 40 frames give 10 different clips; 18 give only those at 0, 1 and 2; 10 give one.
    assert evaluated_clips(np.array([40, 18, 10]), 16, 10) == pytest.approx((10 + 3 + 1) / 3)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (clusters(), [1, 9]),
        (clusters(granularity="video"), [1, 1]),
        (clusters(granularity="segment_equal", segments=3), [1, 3]),
        (clusters(granularity="segment_percentile", percentile=75), [1, 3]),
    ],
)
def test_number_of_units_to_cluster(recipe, expected):
    assert units(recipe, np.array([1, 9])).tolist() == expected


@pytest.mark.parametrize("percentile", [10, 50, 75, 90, 99])
def test_number_of_segments_equals_that_of_the_clustering(percentile):
    rng = np.random.default_rng(0)
    recipe = clusters(granularity="segment_percentile", percentile=percentile)
    for clips in range(1, 40):
        found = percentile_bounds(rng.standard_normal((clips, 3)), percentile)
        assert units(recipe, np.array([clips])).tolist() == [len(found)]


def test_together_adds_up_costs():
    found = together("flow", [Cost("flow", 2, 3, 0, 10, 0.1, 1), Cost("flow", 1, 1, 1, 5, 0.5, 2)])
    assert found == Cost("flow", 3, 4, 1, 15, pytest.approx(0.2), 2)


def test_kmeans_counts_iterations_and_the_choice_of_the_first_centroids():
    recipe = clusters(clusters=100, max_iterations=8, restarts=2)
    # 2 + ln 100 = 6 candidates among 10,000 points, and 10 passes over 50,000: 560,000, twice.
    assert kmeans_seconds(recipe, 50_000, 1e-6) == pytest.approx(1.12)
    # Few points are clustered once more: (6 * 10,000 + 10 * 20,000) * 2, twice.
    assert kmeans_seconds(recipe, 20_000, 1e-6) == pytest.approx(1.04)


def test_the_total_adds_up_hours_bytes_and_longest_jobs():
    parts = [cost("a", [Job(1, 3600, 1e9, 0.2)], 0, 1, 0), cost("b", [Job(1, 3600, 2e9)], 0, 3, 1)]
    total = total_cost(parts)
    assert (total.jobs, total.core_hours, total.gpu_hours, total.bytes) == (2, 4, 1, 3e9)
    assert total.error == pytest.approx(0.05)
    assert total.longest == 2


def test_hours_and_bytes_are_formatted_in_suitable_units():
    assert [hours(v) for v in (0.01, 0.5, 3.21, 1234)] == ["36 s", "30 min", "3.2 h", "1,234 h"]
    assert [size(v) for v in (0, 950, 2.5e9, 6.02e15)] == ["", "950 B", "2.5 GB", "6.02e+03 TB"]
