import numpy as np
import pytest

from motionfit.clips.sampling import (
    LabelledVideo,
    clips_on_windows,
    dense_starts,
    ordered_starts,
    random_clips,
    uniform_starts,
    whole_video,
)


def windows(starts, lengths, labels, weights=None) -> LabelledVideo:
    weights = lengths if weights is None else weights
    return LabelledVideo("v", *map(np.array, (starts, lengths, labels, weights)))


WINDOWS = windows([0, 16, 32], [16, 16, 16], [4, 5, 6])


def test_clips_lie_in_the_video_and_reach_both_ends():
    rng = np.random.default_rng(0)
    video = whole_video("v", 20, label=3)
    drawn = [clip for _ in range(200) for clip in random_clips(video, 20, 8, 3, rng)]
    assert {start for start, _ in drawn} == set(range(13))
    assert {window for _, window in drawn} == {0}


def test_a_clip_lies_in_its_window():
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn = random_clips(WINDOWS, 48, 16, 3, rng)
        assert sorted(drawn) == [(0, 0), (16, 1), (32, 2)]  # no window twice
        assert all(window == start // 16 for start, window in random_clips(WINDOWS, 48, 8, 2, rng))


def test_a_window_is_drawn_by_its_weight():
    rng = np.random.default_rng(0)
    for weights, share in (([30, 10], 0.25), ([0.3, 0.7], 0.7)):
        video = windows([0, 30], [30, 10], [0, 1], weights)
        drawn = [random_clips(video, 40, 4, 1, rng)[0][1] for _ in range(2000)]
        assert np.mean(drawn) == pytest.approx(share, abs=0.04)


def test_a_clip_longer_than_its_window_is_centred_on_it_within_the_video():
    rng = np.random.default_rng(0)
    assert dict(map(reversed, random_clips(WINDOWS, 48, 32, 3, rng))) == {0: 0, 1: 8, 2: 16}
    assert {start for start, _ in random_clips(WINDOWS, 48, 64, 3, rng)} == {0}


def test_uniform_starts():
    assert uniform_starts(26, 16, 3) == [0, 5, 10]
    assert uniform_starts(18, 16, 5) == [0, 0, 1, 2, 2]
    assert uniform_starts(10, 16, 3) == [0, 0, 0]


def test_jitter_moves_a_clip_around_the_one_whose_label_it_has():
    rng = np.random.default_rng(0)
    drawn = [clip for _ in range(400) for clip in random_clips(WINDOWS, 60, 16, 3, rng, jitter=4)]
    for window, starts in enumerate((range(5), range(12, 21), range(28, 37))):
        assert {start for start, w in drawn if w == window} == set(starts)
    # A clip that fits into its window does not leave it.
    drawn = [clip for _ in range(400) for clip in random_clips(WINDOWS, 60, 12, 3, rng, jitter=4)]
    assert {start for start, window in drawn if window == 1} == set(range(16, 21))
    # With a jitter of half the stride of dense clips, every start occurs.
    drawn = [clip for _ in range(800) for clip in random_clips(WINDOWS, 48, 16, 3, rng, jitter=8)]
    assert {start for start, _ in drawn} == set(range(33))


@pytest.mark.parametrize(("jitter", "reach"), [(0, 0), (3, 3)])
def test_clips_in_a_row_lie_on_the_clips_whose_labels_they_have(jitter, reach):
    video = windows(range(0, 160, 16), [16] * 10, range(10))
    for seed in range(40):
        starts = ordered_starts(160, 16, 3, 8, np.random.default_rng(seed))
        clips = clips_on_windows(starts, video, 160, 16, jitter)
        assert [window for _, window in clips] == sorted({window for _, window in clips})
        for (start, window), wanted in zip(clips, starts, strict=True):
            assert abs(start - 16 * window) <= reach
            assert abs(start - wanted) <= 8 - reach


def test_clips_in_a_row_differ_while_there_is_room():
    video = windows([0, 16], [16, 16], [0, 1])
    assert clips_on_windows([0, 4, 8], video, 32, 16) == [(0, 0), (16, 1), (0, 0)]
    assert clips_on_windows([0, 0], windows([0], [20], [0]), 20, 16) == [(0, 0), (1, 0)]


def test_a_clip_of_several_windows_has_the_label_of_its_middle():
    # The clip is as long as the video, so it can only start at 0.
    assert clips_on_windows([0], WINDOWS, 48, 48) == [(0, 1)]


@pytest.mark.parametrize(("frames", "gap"), [(100, 8), (64, 8), (63, 8), (40, 8), (16, 8), (9, 0)])
def test_clips_in_order_are_as_far_apart_as_the_video_allows(frames, gap):
    for seed in range(20):
        starts = ordered_starts(frames, 16, 3, gap, np.random.default_rng(seed))
        assert starts == sorted(starts)
        assert starts[0] >= 0
        assert starts[-1] + 16 <= max(frames, 16)
        if frames >= 3 * 16 + 2 * gap:
            assert np.diff(starts).tolist() == [16 + gap] * 2
    many = {ordered_starts(100, 16, 3, 8, np.random.default_rng(s))[0] for s in range(300)}
    assert many == set(range(100 - 64 + 1))


def test_dense_clips():
    assert dense_starts(50, 16, 16).tolist() == [0, 16, 32]
    assert dense_starts(48, 16, 16).tolist() == [0, 16, 32]
    assert dense_starts(47, 16, 16).tolist() == [0, 16]
    assert dense_starts(9, 16, 16).tolist() == [0]
