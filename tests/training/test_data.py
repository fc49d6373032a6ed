from itertools import permutations

import cv2
import numpy as np
import pytest
import torch

from motionfit.flow.encoding import dequantise
from motionfit.store.clips import ClipStore
from motionfit.training.clips import centre_crop, network_input
from motionfit.training.data import (
    Draw,
    LabelledVideo,
    MultiClips,
    draw_clips,
    on_windows,
    ordered_starts,
    uniform_starts,
    whole_video,
)
from motionfit.training.losses import NO_LABEL, NO_ORDER
from tests.videos import make_flow, make_frames, moving_square


def windows(starts, lengths, labels, weights=None) -> LabelledVideo:
    weights = lengths if weights is None else weights
    return LabelledVideo("v", *map(np.array, (starts, lengths, labels, weights)))


WINDOWS = windows([0, 16, 32], [16, 16, 16], [4, 5, 6])


def test_clips_lie_in_the_video_and_reach_both_ends():
    rng = np.random.default_rng(0)
    video = whole_video("v", 20, label=3)
    drawn = [clip for _ in range(200) for clip in draw_clips(video, 20, 8, 3, rng)]
    assert {start for start, _ in drawn} == set(range(13))
    assert {window for _, window in drawn} == {0}


def test_a_clip_lies_in_its_window():
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn = draw_clips(WINDOWS, 48, 16, 3, rng)
        assert sorted(drawn) == [(0, 0), (16, 1), (32, 2)]  # no window twice
        assert all(window == start // 16 for start, window in draw_clips(WINDOWS, 48, 8, 2, rng))


def test_a_window_is_drawn_by_its_weight():
    rng = np.random.default_rng(0)
    for weights, share in (([30, 10], 0.25), ([0.3, 0.7], 0.7)):
        video = windows([0, 30], [30, 10], [0, 1], weights)
        drawn = [draw_clips(video, 40, 4, 1, rng)[0][1] for _ in range(2000)]
        assert np.mean(drawn) == pytest.approx(share, abs=0.04)


def test_a_clip_longer_than_its_window_is_centred_on_it_within_the_video():
    rng = np.random.default_rng(0)
    assert dict(map(reversed, draw_clips(WINDOWS, 48, 32, 3, rng))) == {0: 0, 1: 8, 2: 16}
    assert {start for start, _ in draw_clips(WINDOWS, 48, 64, 3, rng)} == {0}


def test_uniform_starts():
    assert uniform_starts(26, 16, 3) == [0, 5, 10]
    assert uniform_starts(18, 16, 5) == [0, 0, 1, 2, 2]
    assert uniform_starts(10, 16, 3) == [0, 0, 0]


def test_jitter_moves_a_clip_around_the_one_whose_label_it_has():
    rng = np.random.default_rng(0)
    drawn = [clip for _ in range(400) for clip in draw_clips(WINDOWS, 60, 16, 3, rng, jitter=4)]
    for window, starts in enumerate((range(5), range(12, 21), range(28, 37))):
        assert {start for start, w in drawn if w == window} == set(starts)
    # A window in which a clip has room is drawn from as without jitter: it is not left.
    drawn = [clip for _ in range(400) for clip in draw_clips(WINDOWS, 60, 12, 3, rng, jitter=4)]
    assert {start for start, window in drawn if window == 1} == set(range(16, 21))
    # Half of the stride of dense clips, and each start of the video is seen.
    drawn = [clip for _ in range(800) for clip in draw_clips(WINDOWS, 48, 16, 3, rng, jitter=8)]
    assert {start for start, _ in drawn} == set(range(33))


@pytest.mark.parametrize(("jitter", "reach"), [(0, 0), (3, 3)])
def test_clips_in_a_row_lie_on_the_clips_whose_labels_they_have(jitter, reach):
    video = windows(range(0, 160, 16), [16] * 10, range(10))
    for seed in range(40):
        starts = ordered_starts(160, 16, 3, 8, np.random.default_rng(seed))
        clips = on_windows(starts, video, 160, 16, jitter)
        assert [window for _, window in clips] == sorted({window for _, window in clips})
        for (start, window), wanted in zip(clips, starts, strict=True):
            assert abs(start - 16 * window) <= reach
            assert abs(start - wanted) <= 8 - reach


def test_clips_in_a_row_differ_while_there_is_room():
    video = windows([0, 16], [16, 16], [0, 1])
    assert on_windows([0, 4, 8], video, 32, 16) == [(0, 0), (16, 1), (0, 0)]
    assert on_windows([0, 0], windows([0], [20], [0]), 20, 16) == [(0, 0), (1, 0)]


def test_a_clip_of_several_windows_has_the_label_of_its_middle():
    # 64 frames fit at no other place than the video's beginning.
    assert on_windows([0], WINDOWS, 48, 48) == [(0, 1)]


@pytest.fixture
def store(tmp_path):
    make_frames(tmp_path / "0000.h5", {"a": moving_square(20), "b": moving_square(6)})
    return ClipStore(tmp_path, ["0000"], "frames")


def multi_clips(store, training: bool, seed: int = 0) -> MultiClips:
    videos = [whole_video("a", 20, 0), whole_video("b", 6, 1)]
    return MultiClips(store, videos, 8, 3, 24, flip=True, seed=seed, training=training)


def test_a_sample_is_r_clips_of_l_frames(store):
    sample = multi_clips(store, training=True)[Draw(1)]
    assert sample["clips"].shape == (3, 8, 24, 24, 3)
    assert sample["clips"].dtype == torch.uint8
    assert sample["flips"].shape == (3,)
    assert sample["labels"].tolist() == [1, 1, 1]
    assert sample["around"].tolist() == [[NO_LABEL, NO_LABEL]] * 3  # one label has no neighbours
    assert sample["order"] == NO_ORDER


@pytest.mark.parametrize("training", [True, False])
def test_the_labels_around_a_clip_are_those_of_the_windows_before_and_after(store, training):
    sample = LabelledVideo(
        "a", np.array([0, 8, 16]), np.array([8, 8, 4]), np.array([7, 9, 7]), np.array([1, 1, 1])
    )
    data = MultiClips(store, [sample], 4, 3, 24, False, 0, training)
    around = {(7, NO_LABEL, 9), (9, 7, 7), (7, 9, NO_LABEL)}
    item = data[Draw(0)]
    found = {
        (own, *sides)
        for own, sides in zip(item["labels"].tolist(), item["around"].tolist(), strict=True)
    }
    assert found == around


@pytest.mark.parametrize("training", [True, False])
def test_the_teacher_sees_the_same_clips_and_crops(tmp_path, training):
    rng = np.random.default_rng(0)
    noise = cv2.resize(rng.integers(0, 255, (6, 8), dtype=np.uint8), (48, 32))
    moving = np.stack([np.roll(noise, 2 * t, axis=1) for t in range(20)])
    make_frames(tmp_path / "frames" / "0000.h5", {"a": np.repeat(moving[..., None], 3, axis=-1)})
    field = np.repeat((moving[..., None].astype(np.float32) - 128) / 127 * 20, 2, axis=-1)
    make_flow(tmp_path / "flow" / "0000.h5", {"a": field})
    frames, flow = (ClipStore(tmp_path / kind, ["0000"], kind) for kind in ("frames", "flow"))
    data = MultiClips(frames, [whole_video("a", 20, 0)], 4, 3, 16, True, 0, training, teacher=flow)
    for epoch in range(5):
        item = data[Draw(0, epoch)]
        assert item["teacher_clips"].shape == (3, 4, 16, 16, 2)
        difference = item["clips"][..., 0].float() - item["teacher_clips"][..., 0].float()
        assert difference.abs().mean() < 3


@pytest.mark.parametrize("start", range(6))
def test_past_the_end_of_a_video_teacher_and_student_see_the_same_moments(tmp_path, start):
    # A pixel tells the frame: RGB by its brightness, flow by its speed.
    times = np.arange(6, dtype=np.float32)
    grey = (40 * times).astype(np.uint8)[:, None, None, None]
    make_frames(tmp_path / "frames" / "0000.h5", {"a": np.broadcast_to(grey, (6, 16, 16, 3))})
    field = np.broadcast_to(3 * times[:, None, None, None], (6, 16, 16, 2))
    make_flow(tmp_path / "flow" / "0000.h5", {"a": field})
    frames, flow = (ClipStore(tmp_path / kind, ["0000"], kind) for kind in ("frames", "flow"))
    seen = [round(float(frame.mean()) / 40) for frame in frames.read("a", start, 14)]
    learned = [round(float(dequantise(f, 20).mean()) / 3) for f in flow.read("a", start, 14)]
    assert learned == seen == [(start + t) % 6 for t in range(14)]


def test_what_is_drawn_follows_from_seed_and_epoch(store):
    first, again, other = (multi_clips(store, True, seed) for seed in (0, 0, 1))
    clips = [data[Draw(0, 3)]["clips"] for data in (first, again, other)]
    assert torch.equal(clips[0], clips[1])
    assert not torch.equal(clips[0], clips[2])
    assert not torch.equal(clips[0], again[Draw(0, 4)]["clips"])


def test_watching_is_the_same_every_epoch_and_never_mirrored(store):
    data = multi_clips(store, training=False)
    before = data[Draw(0)]
    assert torch.equal(before["clips"], data[Draw(0, 7)]["clips"])
    assert not before["flips"].any()


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
    parts = LabelledVideo("a", np.arange(0, 60, 6), np.full(10, 6), np.arange(10), np.ones(10))
    data = MultiClips(store, [parts, whole_video("short", 4, 0)], 8, 3, 16, False, 0, training, 4)
    seen = set()
    for epoch in range(40):
        item = data[Draw(0, epoch)]
        times = [int(clip[0, 0, 0, 0]) // 4 for clip in item["clips"]]
        expected = list(permutations(range(3)))[int(item["order"])]
        assert [sorted(times).index(t) for t in times] == list(expected)
        # Each clip has the label of the part of the video that it shows.
        for label, t in zip(item["labels"], times, strict=True):
            assert abs(6 * int(label) + 3 - (t + 4)) <= 3
        seen.add(int(item["order"]))
        assert (
            data[Draw(1, epoch)]["order"] == NO_ORDER
        )  # clips of a video as short as that are all the same
    assert seen == set(range(6)) if training else len(seen) == 1


def test_one_crop_for_the_whole_clip_and_anywhere_in_the_frame(tmp_path):
    # Every pixel tells where it is: red by its row, green by its column.
    grid = np.zeros((20, 24, 3), np.uint8)
    grid[..., 0], grid[..., 1] = 12 * np.arange(20)[:, None], 10 * np.arange(24)
    make_frames(tmp_path / "0000.h5", {"a": np.stack([grid] * 6)})
    store = ClipStore(tmp_path, ["0000"], "frames")
    data = MultiClips(store, [whole_video("a", 6, 0)], 4, 2, 16, False, 0, training=True)
    corners = set()
    for epoch in range(150):
        for clip in data[Draw(0, epoch)]["clips"].numpy():
            assert (clip == clip[0]).all()
            # The mean of a column and a row, since JPEG moves single pixels by a few grey levels.
            top = round(float(clip[0, :, :, 0].mean()) / 12 - 7.5)
            left = round(float(clip[0, :, :, 1].mean()) / 10 - 7.5)
            corners.add((top, left))
    assert corners == {(top, left) for top in range(5) for left in range(9)}
    middle = centre_crop(store.read("a", 0, 1), 16)[0]
    assert round(float(middle[..., 0].mean()) / 12 - 7.5) == 2
    assert round(float(middle[..., 1].mean()) / 10 - 7.5) == 4


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
