"""Slow motion survives 8 bits, JPEG, a shard and the first normalisation of a network."""

import numpy as np
import pytest
import torch

from motionfit.clips.transforms import network_input, read_centre_clips
from motionfit.config import BACKBONES
from motionfit.models import build_network
from motionfit.models.backbones import first_norm
from motionfit.store.clips import ClipStore
from tests.videos import make_flow

SPEEDS = (0.1, 10.0)
"""Speeds in pixels per frame."""


def moving_patches(speed: float) -> dict[str, np.ndarray]:
    """Flow of patches that move to the left or to the right over a still background."""
    rng = np.random.default_rng(0)
    videos = {}
    for i in range(8):
        field = np.zeros((8, 72, 72, 2), np.float32)
        y, x = rng.integers(8, 40, 2)
        field[:, y : y + 24, x : x + 24, 0] = speed if i % 2 else -speed
        videos[f"v{i}"] = field
    return videos


@pytest.fixture(params=SPEEDS)
def clips(request, tmp_path) -> torch.Tensor:
    """Clips (8, 2, 8, 64, 64) that a network reads from such videos."""
    videos = moving_patches(request.param)
    make_flow(tmp_path / "0000.h5", videos)
    store = ClipStore(tmp_path, ["0000"], "flow")
    stored = np.concatenate([read_centre_clips(store, video, [0], 8, 64) for video in videos])
    return network_input(torch.from_numpy(stored), "flow")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_slow_motion_keeps_its_scale_in_the_first_normalisation(clips, backbone):
    """Each channel has a standard deviation near 1 afterwards, for 0.1 pixels as for 10."""
    network = build_network(backbone, "flow", 2, seed=0).train()
    outputs = []
    first_norm(network).register_forward_hook(
        lambda *values: outputs.append(values[2].detach().clone())
    )
    with torch.no_grad():
        network(clips)
    spread = outputs[0].std(dim=(0, 2, 3, 4), unbiased=False)
    assert spread.min() > 0.95


def test_slow_motion_to_the_left_and_to_the_right_differ(clips):
    assert (clips[::2, 0].amin(dim=(1, 2, 3)) < 0).all()
    assert (clips[1::2, 0].amax(dim=(1, 2, 3)) > 0).all()
    assert clips[1::2, 0].mean() == pytest.approx(-clips[::2, 0].mean().item(), rel=0.2)
