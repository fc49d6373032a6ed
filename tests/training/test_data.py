from itertools import permutations

import numpy as np
import pytest
import torch

from motionfit.store.clips import ClipStore
from motionfit.training.clips import centre_crop, network_input, random_crop
from motionfit.training.data import (
    LabelledVideo,
    MultiClips,
    draw_clips,
    ordered_starts,
    uniform_clips,
    uniform_starts,
    whole_video,
)
from motionfit.training.losses import NO_ORDER
from tests.videos import make_frames, moving_square

WINDOWS = LabelledVideo("v", np.array([0, 16, 32]), np.array([16, 16, 16]), np.array([4, 5, 6]))


def test_clips_lie_in_the_video_and_reach_both_ends():
    rng = np.random.default_rng(0)
    video = whole_video("v", 20, label=3)
    drawn = [clip for _ in range(200) for clip in draw_clips(video, 20, 8, 3, rng)]
    assert {start for start, _ in drawn} == set(range(13))
    assert {label for _, label in drawn} == {3}


def test_a_clip_has_the_label_of_its_window():
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn = draw_clips(WINDOWS, 48, 16, 3, rng)
        assert sorted(drawn) == [(0, 4), (16, 5), (32, 6)]  # no window twice
        assert all(label == 4 + start // 16 for start, label in draw_clips(WINDOWS, 48, 8, 2, rng))


def test_a_longer_window_is_drawn_more_often():
    rng = np.random.default_rng(0)
    video = LabelledVideo("v", np.array([0, 30]), np.array([30, 10]), np.array([0, 1]))
    labels = [draw_clips(video, 40, 4, 1, rng)[0][1] for _ in range(2000)]
    assert np.mean(labels) == pytest.approx(0.25, abs=0.04)


def test_a_clip_longer_than_its_window_is_centred_on_it_within_the_video():
    rng = np.random.default_rng(0)
    assert dict(map(reversed, draw_clips(WINDOWS, 48, 32, 3, rng))) == {4: 0, 5: 8, 6: 16}
    assert {start for start, _ in draw_clips(WINDOWS, 48, 64, 3, rng)} == {0}


def test_uniform_clips():
    assert uniform_starts(26, 16, 3) == [0, 5, 10]
    assert uniform_starts(10, 16, 3) == [0, 0, 0]
    assert uniform_clips(WINDOWS, 48, 16, 3) == [(0, 4), (16, 5), (32, 6)]


@pytest.fixture
def store(tmp_path):
    make_frames(tmp_path / "0000.h5", {"a": moving_square(20), "b": moving_square(6)})
    return ClipStore(tmp_path, ["0000"], "frames")


def multi_clips(store, training: bool, seed: int = 0) -> MultiClips:
    videos = [whole_video("a", 20, 0), whole_video("b", 6, 1)]
    return MultiClips(store, videos, 8, 3, 24, flip=True, seed=seed, training=training)


def test_a_sample_is_r_clips_of_l_frames(store):
    clips, flips, labels, order = multi_clips(store, training=True)[1]
    assert clips.shape == (3, 8, 24, 24, 3)
    assert clips.dtype == torch.uint8
    assert flips.shape == labels.shape == (3,)
    assert labels.tolist() == [1, 1, 1]
    assert order == NO_ORDER


def test_what_is_drawn_follows_from_seed_and_epoch(store):
    first, again, other = (multi_clips(store, True, seed) for seed in (0, 0, 1))
    for data in (first, again, other):
        data.set_epoch(3)
    assert torch.equal(first[0][0], again[0][0])
    assert not torch.equal(first[0][0], other[0][0])
    again.set_epoch(4)
    assert not torch.equal(first[0][0], again[0][0])


def test_watching_is_the_same_every_epoch_and_never_mirrored(store):
    data = multi_clips(store, training=False)
    before = data[0]
    data.set_epoch(7)
    assert torch.equal(before[0], data[0][0])
    assert not before[1].any()


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


@pytest.mark.parametrize("training", [True, False])
def test_the_order_is_the_permutation_that_the_clips_are_in(tmp_path, training):
    grey = 4 * np.arange(60, dtype=np.uint8)[:, None, None, None]
    frames = np.broadcast_to(grey, (60, 16, 16, 3))
    make_frames(tmp_path / "0000.h5", {"a": frames, "short": frames[:4]})
    store = ClipStore(tmp_path, ["0000"], "frames")
    windows = LabelledVideo("a", np.arange(0, 60, 6), np.full(10, 6), np.arange(10))
    data = MultiClips(store, [windows, whole_video("short", 4, 0)], 8, 3, 16, False, 0, training, 4)
    seen = set()
    for epoch in range(40):
        data.set_epoch(epoch)
        clips, _, labels, order = data[0]
        times = [int(clip[0, 0, 0, 0]) // 4 for clip in clips]
        expected = list(permutations(range(3)))[int(order)]
        assert [sorted(times).index(t) for t in times] == list(expected)
        # Each clip has the label of the part of the video that it shows.
        for label, t in zip(labels, times, strict=True):
            assert abs(6 * int(label) + 3 - (t + 4)) <= 3
        seen.add(int(order))
        assert data[1][3] == NO_ORDER  # clips of a video as short as that are all the same
    assert seen == set(range(6)) if training else len(seen) == 1


def test_one_crop_for_the_whole_clip():
    # Every frame holds its own coordinates, so any two crops of one window are the same.
    grid = np.stack(np.mgrid[:30, :40], axis=-1).astype(np.uint8)
    clip = np.stack([grid] * 5)
    cropped = random_crop(clip, 16, np.random.default_rng(0))
    assert (cropped == cropped[0]).all()
    top, left = cropped[0, 0, 0]
    assert np.array_equal(cropped[0], grid[top : top + 16, left : left + 16])
    assert centre_crop(clip, 16)[0, 0, 0].tolist() == [7, 12]


def test_flow_is_exactly_zero_at_128_and_a_mirror_negates_x():
    stored = torch.full((2, 4, 6, 6, 2), 128, dtype=torch.uint8)
    assert (network_input(stored, "flow") == 0).all()
    stored[..., 0, 0] = 192  # to the right, in the leftmost column
    stored[..., 0, 1] = 96  # up
    plain, mirrored = network_input(stored, "flow", torch.tensor([False, True]))
    assert plain.shape == (2, 4, 6, 6)
    assert (plain[0, ..., 0] == 0.5).all()
    assert (mirrored[0, ..., -1] == -0.5).all()
    assert (mirrored[1, ..., -1] == -0.25).all()
    assert (mirrored[..., 0] == 0).all()


def test_a_mirror_does_not_change_the_colours_of_rgb():
    stored = torch.randint(0, 256, (1, 4, 6, 6, 3), dtype=torch.uint8)
    plain = network_input(stored, "frames")
    mirrored = network_input(stored, "frames", torch.tensor([True]))
    assert torch.equal(plain.flip(-1), mirrored)
