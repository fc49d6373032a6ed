from dataclasses import replace

import numpy as np
import pytest
import torch

from motionfit.inference import clip_outputs, max_batch_size, outputs_at
from motionfit.modality import RGB_MEAN, RGB_STD
from motionfit.store.clips import ClipStore
from tests.videos import described, make_frames

ABOUT = described("frames", [], 1, [32, 48], 28)


@pytest.fixture
def store(tmp_path):
    """Frame t of the n-th video has the grey value 100 n + 10 t."""
    videos = {
        name: np.array([np.full((32, 48, 3), 100 * n + 10 * t) for t in range(9)], np.uint8)
        for n, name in enumerate("ab")
    }
    make_frames(tmp_path / "0000.h5", videos)
    return ClipStore(tmp_path, ["0000"], "frames")


class FirstValue:
    """Returns the first value of each clip, and records the sizes of the batches."""

    def __init__(self):
        self.batches = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(x))
        return x[:, 0, 0, 0, 0]


def grey(values: np.ndarray) -> np.ndarray:
    """Converts the input of a network to grey values."""
    return (values * RGB_STD[0] + RGB_MEAN[0]) * 255


def test_a_repeated_clip_is_computed_once_and_each_repetition_has_an_output(store):
    function = FirstValue()
    starts = {"b": [2, 2, 5], "a": [5, 2, 5, 0]}
    outputs = clip_outputs(function, ABOUT, store, starts, torch.device("cpu"), 1, batch_size=2)
    assert function.batches == [2, 2, 1]
    assert list(outputs) == ["b", "a"]
    assert np.allclose(grey(outputs["b"]), [120, 120, 150], atol=2)
    assert np.allclose(grey(outputs["a"]), [50, 20, 50, 0], atol=2)


def test_outputs_at_computes_repeated_positions_again(store):
    """The estimate measures speed by repeating a few clips."""
    function = FirstValue()
    positions = [("a", 3), ("a", 3), ("b", 0)]
    outputs = outputs_at(function, ABOUT, store, positions, torch.device("cpu"), 1)
    assert function.batches == [3]
    assert np.allclose(grey(outputs), [30, 30, 100], atol=2)


def test_batches_of_large_clips_are_smaller():
    sizes = [(16, 112), (64, 112), (64, 224), (64, 1080)]
    abouts = [replace(ABOUT, clip_length=length, crop=crop) for length, crop in sizes]
    assert [max_batch_size(about) for about in abouts] == [128, 32, 8, 1]


def test_batches_have_at_most_max_pixels(store, monkeypatch):
    monkeypatch.setattr("motionfit.inference.MAX_PIXELS", 2 * 28**2)
    function = FirstValue()
    outputs_at(function, ABOUT, store, [("a", t) for t in range(5)], torch.device("cpu"), 1)
    assert function.batches == [2, 2, 1]
