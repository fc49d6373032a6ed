import numpy as np
import pytest

from motionfit.config import PseudoLabels
from motionfit.pseudo_labels.granularity import (
    aggregate,
    equal_bounds,
    percentile_bounds,
)
from motionfit.store.features import VideoFeatures


def recipe(granularity: str, **options) -> PseudoLabels:
    return PseudoLabels(motion_model="m", dataset="d", granularity=granularity, **options)


def video(features) -> VideoFeatures:
    """A video with clips of 16 frames, 8 frames apart. It ends 5 frames after its last clip."""
    features = np.asarray(features, np.float32)
    starts = 8 * np.arange(len(features))
    return VideoFeatures("v", starts, features, int(starts[-1]) + 16 + 5, 16)


# The L1 distances between neighbouring clips are 1, 7, 1, 2, 9, 1.
FEATURES = [[0, 0], [1, 0], [4, 4], [4, 5], [5, 6], [0, 2], [0, 1]]


def test_equation_4_on_a_small_sequence():
    features = np.array(FEATURES, np.float32)
    # The 75th percentile of 1, 1, 1, 2, 7, 9 is 5.75: segments start where the change is 7 or 9.
    assert percentile_bounds(features, 75).tolist() == [0, 2, 5]
    assert percentile_bounds(features, 100).tolist() == [0]
    assert percentile_bounds(features, 0).tolist() == [0, 2, 4, 5]  # changes above the smallest, 1
    assert percentile_bounds(features[:1], 75).tolist() == [0]


def test_bounds_of_equal_segments():
    assert equal_bounds(9, 3).tolist() == [0, 3, 6]
    assert equal_bounds(7, 3).tolist() == [0, 2, 4]
    assert equal_bounds(2, 3).tolist() == [0, 1]


def test_the_features_of_a_segment_are_the_mean_of_its_clips():
    units = aggregate(video(FEATURES), recipe("segment_percentile", percentile=75))
    expected = [np.mean(FEATURES[a:b], axis=0) for a, b in ((0, 2), (2, 5), (5, 7))]
    assert np.allclose(units.features, expected)
    assert units.starts.tolist() == [0, 16, 40]
    assert units.lengths.tolist() == [16, 24, 29]


def test_a_single_segment_equals_the_video():
    whole = aggregate(video(FEATURES), recipe("video"))
    one = aggregate(video(FEATURES), recipe("segment_equal", segments=1))
    uncut = aggregate(video(FEATURES), recipe("segment_percentile", percentile=100))
    assert np.allclose(whole.features, np.mean(FEATURES, axis=0, keepdims=True))
    for units in (one, uncut):
        assert np.array_equal(units.features, whole.features)
        assert units.lengths.tolist() == [video(FEATURES).frames]


def test_with_as_many_segments_as_clips_each_segment_is_a_clip():
    clips = aggregate(video(FEATURES), recipe("clip"))
    cut = aggregate(video(FEATURES), recipe("segment_equal", segments=7))
    assert np.array_equal(clips.features, cut.features)
    assert clips.lengths.tolist() == [16] * 7


@pytest.mark.parametrize("granularity", ["segment_percentile", "segment_equal", "video"])
def test_units_cover_the_video_without_overlap(granularity):
    units = aggregate(video(FEATURES), recipe(granularity))
    assert np.array_equal(units.starts[1:], np.cumsum(units.lengths)[:-1])
    assert units.lengths.sum() == video(FEATURES).frames
