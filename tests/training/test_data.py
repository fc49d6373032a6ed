from itertools import permutations

import cv2
import numpy as np
import pytest
import torch

from motionfit.clips.sampling import (
    LabelledVideo,
    whole_video,
)
from motionfit.clips.transforms import centre_crop
from motionfit.config import Training
from motionfit.flow.encoding import dequantise
from motionfit.store.clips import ClipStore
from motionfit.training.data import Draw, MultiClipDataset
from motionfit.training.losses import NO_LABEL, NO_ORDER
from tests.videos import make_flow, make_frames, moving_square


@pytest.fixture
def store(tmp_path):
    make_frames(tmp_path / "0000.h5", {"a": moving_square(20), "b": moving_square(6)})
    return ClipStore(tmp_path, ["0000"], "frames")


def multi_clips(store, training: bool, seed: int = 0) -> MultiClipDataset:
    videos = [whole_video("a", 20, 0), whole_video("b", 6, 1)]
    return MultiClipDataset(store, videos, 8, Training(crop=24, seed=seed), training)


def test_a_sample_is_r_clips_of_l_frames(store):
    sample = multi_clips(store, training=True)[Draw(1)]
    assert sample.clips.pixels.shape == (3, 8, 24, 24, 3)
    assert sample.clips.pixels.dtype == torch.uint8
    assert sample.flips.shape == (3,)
    assert sample.labels.tolist() == [1, 1, 1]
    assert (
        sample.neighbour_labels.tolist() == [[NO_LABEL, NO_LABEL]] * 3
    )  # one label has no neighbours
    assert sample.order == NO_ORDER


@pytest.mark.parametrize("training", [True, False])
def test_the_labels_around_a_clip_are_those_of_the_windows_before_and_after(store, training):
    sample = LabelledVideo(
        "a", np.array([0, 8, 16]), np.array([8, 8, 4]), np.array([7, 9, 7]), np.array([1, 1, 1])
    )
    data = MultiClipDataset(store, [sample], 4, Training(crop=24), training)
    around = {(7, NO_LABEL, 9), (9, 7, 7), (7, 9, NO_LABEL)}
    item = data[Draw(0)]
    found = {
        (own, *sides)
        for own, sides in zip(item.labels.tolist(), item.neighbour_labels.tolist(), strict=True)
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
    data = MultiClipDataset(
        frames, [whole_video("a", 20, 0)], 4, Training(crop=16), training, teacher=flow
    )
    for epoch in range(5):
        item = data[Draw(0, epoch)]
        assert item.teacher_clips.pixels.shape == (3, 4, 16, 16, 2)
        difference = item.clips.pixels[..., 0].float() - item.teacher_clips.pixels[..., 0].float()
        assert difference.abs().mean() < 3


@pytest.mark.parametrize("start", range(6))
def test_past_the_end_of_a_video_teacher_and_student_see_the_same_moments(tmp_path, start):
    # The value of a pixel gives the number of its frame.
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
    clips = [data[Draw(0, 3)].clips.pixels for data in (first, again, other)]
    assert torch.equal(clips[0], clips[1])
    assert not torch.equal(clips[0], clips[2])
    assert not torch.equal(clips[0], again[Draw(0, 4)].clips.pixels)


def test_watching_is_the_same_every_epoch_and_never_mirrored(store):
    data = multi_clips(store, training=False)
    before = data[Draw(0)]
    assert torch.equal(before.clips.pixels, data[Draw(0, 7)].clips.pixels)
    assert not before.flips.any()


@pytest.mark.parametrize("training", [True, False])
def test_the_order_is_the_permutation_that_the_clips_are_in(tmp_path, training):
    grey = 4 * np.arange(60, dtype=np.uint8)[:, None, None, None]
    frames = np.broadcast_to(grey, (60, 16, 16, 3))
    make_frames(tmp_path / "0000.h5", {"a": frames, "short": frames[:4]})
    store = ClipStore(tmp_path, ["0000"], "frames")
    parts = LabelledVideo("a", np.arange(0, 60, 6), np.full(10, 6), np.arange(10), np.ones(10))
    data = MultiClipDataset(
        store, [parts, whole_video("short", 4, 0)], 8, Training(crop=16, clip_gap=4), training
    )
    seen = set()
    for epoch in range(40):
        item = data[Draw(0, epoch)]
        times = [int(clip[0, 0, 0, 0]) // 4 for clip in item.clips.pixels]
        expected = list(permutations(range(3)))[int(item.order)]
        assert [sorted(times).index(t) for t in times] == list(expected)
        # Each clip has the label of the window that it shows.
        for label, t in zip(item.labels, times, strict=True):
            assert abs(6 * int(label) + 3 - (t + 4)) <= 3
        seen.add(int(item.order))
        # All clips of the short video are the same.
        assert data[Draw(1, epoch)].order == NO_ORDER
    assert seen == set(range(6)) if training else len(seen) == 1


def test_one_crop_for_the_whole_clip_and_anywhere_in_the_frame(tmp_path):
    # The red value of a pixel gives its row, the green value its column.
    grid = np.zeros((20, 24, 3), np.uint8)
    grid[..., 0], grid[..., 1] = 12 * np.arange(20)[:, None], 10 * np.arange(24)
    make_frames(tmp_path / "0000.h5", {"a": np.stack([grid] * 6)})
    store = ClipStore(tmp_path, ["0000"], "frames")
    recipe = Training(clips_per_video=2, crop=16, flip=False)
    data = MultiClipDataset(store, [whole_video("a", 6, 0)], 4, recipe, training=True)
    corners = set()
    for epoch in range(150):
        for clip in data[Draw(0, epoch)].clips.pixels.numpy():
            assert (clip == clip[0]).all()
            # Means of rows and columns, since JPEG changes single pixels by a few grey levels.
            top = round(float(clip[0, :, :, 0].mean()) / 12 - 7.5)
            left = round(float(clip[0, :, :, 1].mean()) / 10 - 7.5)
            corners.add((top, left))
    assert corners == {(top, left) for top in range(5) for left in range(9)}
    middle = centre_crop(store.read("a", 0, 1), 16)[0]
    assert round(float(middle[..., 0].mean()) / 12 - 7.5) == 2
    assert round(float(middle[..., 1].mean()) / 10 - 7.5) == 4
