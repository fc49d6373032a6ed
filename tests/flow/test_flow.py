import cv2
import numpy as np
import pytest

from motionfit.config import Flow
from motionfit.flow import compute_flow
from motionfit.flow.encoding import dequantise, quantise
from motionfit.flow.stage import store_flow
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
    assert np.abs(dequantise(quantise(flow, 20), 20) - flow).max() <= 40 / 255
    assert quantise(np.array([-99.0, 99.0]), 20).tolist() == [0, 255]
    assert quantise(np.array([-20.0, 20.0]), 20).tolist() == [0, 255]


def test_identical_frames_do_not_move():
    frame = textured()
    assert np.abs(compute_flow(np.stack([frame, frame]))).max() < 1e-3


@pytest.mark.parametrize("shift", [(2, 0), (0, -3), (-1, 2)])
def test_a_translation_is_recovered(shift):
    dx, dy = shift
    frame = textured()
    flow = compute_flow(np.stack([frame, np.roll(frame, (dy, dx), axis=(0, 1))]))
    assert flow.shape == (1, 64, 80, 2)
    assert flow.dtype == np.float32
    inner = flow[0, 8:-8, 8:-8]
    assert np.abs(inner - (dx, dy)).mean() < 0.1


def test_threads_do_not_change_the_flow():
    frames = np.stack([np.roll(textured(32, 40), t, axis=1) for t in range(5)])
    assert np.array_equal(compute_flow(frames, threads=1), compute_flow(frames, threads=3))


@pytest.mark.parametrize(
    ("frames", "method", "message"),
    [
        (np.zeros((1, 8, 8), np.uint8), "opencv", "two frames"),
        (np.zeros((3, 8, 8, 3), np.uint8), "opencv", "grey"),
        (np.zeros((3, 8, 8), np.float32), "opencv", "uint8"),
        (np.zeros((3, 8, 8), np.uint8), "magic", "unknown flow method 'magic'"),
    ],
)
def test_wrong_input_is_refused(frames, method, message):
    with pytest.raises(ValueError, match=message):
        compute_flow(frames, method)


def test_end_point_error_on_rubber_whale(shared_data):
    folder = shared_data / "optflow"
    frames = np.stack(
        [cv2.imread(str(folder / f"RubberWhale{i}.png"), cv2.IMREAD_GRAYSCALE) for i in (1, 2)]
    )
    truth = cv2.readOpticalFlow(str(folder / "RubberWhale.flo"))
    error = np.linalg.norm(compute_flow(frames)[0] - truth, axis=-1)
    assert error[np.abs(truth).max(axis=-1) < 1e3].mean() == pytest.approx(0.156, abs=0.005)


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
