from importlib import import_module
from typing import get_args

import cv2
import numpy as np
import pytest

from motionfit.config import Flow, FlowMethod
from motionfit.flow import METHODS, compute_flow, shards
from motionfit.flow.encoding import dequantise, quantise
from motionfit.flow.methods import BATCHED, TVL1_METHODS, compute_pairs, method_module
from motionfit.flow.shards import store_flow
from motionfit.store.clips import ClipStore
from tests.videos import make_frames, moving_square


def textured(height: int = 64, width: int = 80) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def test_no_motion_is_128_and_exactly_zero():
    stored = quantise(np.zeros((2, 2, 2), np.float32), bound=20)
    assert (stored == 128).all()
    assert (dequantise(stored, bound=20) == 0).all()


def test_quantisation_is_within_a_step_and_clips():
    flow = np.linspace(-20, 20, 1001, dtype=np.float32)
    assert np.abs(dequantise(quantise(flow, 20), 20) - flow).max() <= 0.5 * 20 / 127 + 1e-5
    assert quantise(np.array([-99.0, 99.0]), 20).tolist() == [1, 255]
    assert quantise(np.array([-20.0, 20.0]), 20).tolist() == [1, 255]


def test_opposite_motions_are_stored_as_opposites():
    flow = np.random.default_rng(0).normal(0, 3, 1000).astype(np.float32)
    there, back = (dequantise(quantise(v, 20), 20) for v in (flow, -flow))
    np.testing.assert_array_equal(there, -back)
    assert (quantise(np.array([-0.05, 0.05]), 20) == 128).all()  # noise is stored as no motion


def test_the_config_knows_every_method():
    assert get_args(FlowMethod) == METHODS
    for method in METHODS:
        assert callable(import_module(method_module(method)).compute)


@pytest.mark.parametrize("method", METHODS)
def test_identical_frames_do_not_move(method):
    frame = textured()
    moved = np.abs(compute_flow(np.stack([frame, frame]), method))
    assert moved.max() < 1e-3 if method in TVL1_METHODS else moved.mean() < 1e-2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [(2, 0), (0, -3), (-1, 2)])
def test_a_translation_is_recovered(shift, method):
    dx, dy = shift
    frame = textured()
    flow = compute_flow(np.stack([frame, np.roll(frame, (dy, dx), axis=(0, 1))]), method)
    assert flow.shape == (1, 64, 80, 2)
    assert flow.dtype == np.float32
    inner = flow[0, 8:-8, 8:-8]
    assert np.abs(inner - (dx, dy)).mean() < 0.1


@pytest.mark.parametrize("method", sorted({*METHODS} - {*BATCHED}))
def test_threads_do_not_change_the_flow(method):
    frames = np.stack([np.roll(textured(32, 40), t, axis=1) for t in range(5)])
    one, three = (compute_flow(frames, method, threads) for threads in (1, 3))
    assert np.array_equal(one, three)


@pytest.mark.parametrize("method", METHODS)
def test_pairs_of_any_sizes_are_computed_together(method):
    frames = [textured(32, 40), textured(41, 33), textured(32, 40)]
    shifts = [1, 2, -1]
    pairs = [(f, np.roll(f, shift, axis=1)) for f, shift in zip(frames, shifts, strict=True)]
    flows = compute_pairs(pairs, method)
    assert [flow.shape for flow in flows] == [(32, 40, 2), (41, 33, 2), (32, 40, 2)]
    for flow, shift in zip(flows, shifts, strict=True):
        assert np.median(flow[..., 0]) == pytest.approx(shift, abs=0.1)


@pytest.mark.parametrize("method", TVL1_METHODS)
@pytest.mark.parametrize("size", [(16, 16), (17, 90), (33, 12), (5, 4), (1, 20), (20, 1), (1, 1)])
def test_odd_and_small_sizes(method, size):
    rng = np.random.default_rng(0)
    frame, other = rng.integers(0, 255, (2, *size), np.uint8)
    moved, still = compute_pairs([(frame, other), (frame, frame)], method)
    assert moved.shape == (*size, 2)
    # OpenCV's TV-L1 reads uninitialised memory if a side is one pixel.
    assert method == "opencv" or np.isfinite(moved).all()
    assert np.abs(still).max() < 1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [(0, 0), (255, 255), (10, 200)])
def test_plain_frames_do_not_move(method, values):
    frames = np.stack([np.full((40, 50), value, np.uint8) for value in values])
    np.testing.assert_array_equal(compute_flow(frames, method), 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((1, 20, 20), np.uint8), "two frames"),
        (np.zeros((3, 20, 20, 3), np.uint8), "grey"),
        (np.zeros((3, 20, 20), np.float32), "uint8"),
        (np.zeros((3, 20, 0), np.uint8), r"\(3, 20, 0\)"),
    ],
)
def test_wrong_frames_are_refused(frames, method, message):
    with pytest.raises(ValueError, match=message):
        compute_flow(frames, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("frame", "following", "message"),
    [
        (np.zeros((40, 60), np.uint8), np.zeros((20, 30), np.uint8), "one size, not .40, 60. and"),
        (np.zeros((20, 30), np.uint8), np.zeros((40, 60), np.uint8), "one size"),
        (np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.float32), "float32"),
        (np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 3), np.uint8), "grey"),
    ],
)
def test_wrong_pairs_are_refused(frame, following, method, message):
    with pytest.raises(ValueError, match=message):
        compute_pairs([(frame, following)], method)


def test_what_a_method_does_not_know_is_refused():
    frames = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="unknown flow method 'magic'"):
        compute_flow(frames, "magic")
    with pytest.raises(ValueError, match="at least 16 pixels per side"):
        compute_flow(frames, "dis")
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        compute_flow(frames, threads=0)


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("tvl1", {"tua": 0.2}, "no parameter tua .it has: tau, lambda_"),
        ("tvl1", {"warps": 0}, "above 0"),
        ("tvl1", {"scale_step": 1.0}, "below 1"),
        ("dis", {"tau": 0.2}, "'dis' has no parameters"),
    ],
)
def test_wrong_parameters_are_refused(method, parameters, message):
    with pytest.raises(ValueError, match=message):
        compute_flow(np.zeros((2, 20, 20), np.uint8), method, **parameters)


def test_the_stage_keeps_flow_beside_its_frames(tmp_path):
    video = moving_square(6, step=2)
    make_frames(tmp_path / "frames" / "0000.h5", {"a": video}, fps=10.0)
    recipe = Flow(size=(32, 48), bound=5)
    store_flow(tmp_path / "frames" / "0000.h5", recipe, 2, tmp_path / "flow" / "0000.h5")
    store = ClipStore(tmp_path / "flow", ["0000"], "flow")
    assert store.length("a") == 6
    assert store.recipe["fps"] == 10.0
    clip = store.read("a", 0, 6)
    assert np.array_equal(clip[5], clip[4])  # the last is repeated
    square = dequantise(clip[0, 12:20, 6:14], 5)
    assert square[..., 0].mean() == pytest.approx(2, abs=0.3)
    assert square[..., 1].mean() == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("in_batches", [False, True])
def test_the_stage_keeps_videos_apart_however_they_are_cut(tmp_path, monkeypatch, in_batches):
    rng = np.random.default_rng(0)
    lengths = {"long": 11, "two": 2, "three": 3, "four": 4}
    videos = {v: rng.integers(0, 255, (n, 16, 24, 3), np.uint8) for v, n in lengths.items()}
    make_frames(tmp_path / "frames" / "0000.h5", videos, fps=10.0)
    recipe = Flow(method="farneback", size=(16, 24), bound=20)
    stored = {}
    monkeypatch.setattr(shards, "BATCHED", ("farneback",) if in_batches else ())
    for segment, block in ((32, 2**25), (3, 4 * 16 * 24), (1, 1)):
        monkeypatch.setattr(shards, "SEGMENT", segment)
        monkeypatch.setattr(shards, "BLOCK", block)
        store_flow(tmp_path / "frames" / "0000.h5", recipe, 2, tmp_path / "flow" / "0000.h5")
        store = ClipStore(tmp_path / "flow", ["0000"], "flow")
        stored[segment] = [store.read(name, 0, len(video)) for name, video in videos.items()]
    for clips in stored.values():
        for clip, expected, video in zip(clips, stored[32], videos.values(), strict=True):
            assert len(clip) == len(video)
            assert np.array_equal(clip, expected)
    frames = ClipStore(tmp_path / "frames", ["0000"], "frames").read("long", 0, 11)
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    direct = quantise(compute_flow(grey, "farneback"), 20).astype(int)
    assert np.abs(stored[32][0][:10] - direct).mean() < 1.5  # JPEG
