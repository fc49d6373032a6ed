import pytest
import torch

from motionfit.clips.transforms import _constants, network_input
from motionfit.modality import CHANNELS


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


@pytest.fixture
def double_by_default():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(("modality", "channels"), CHANNELS.items())
def test_the_input_has_32_bits_whatever_the_default(double_by_default, modality, channels):
    _constants.cache_clear()
    clips = torch.zeros((1, 4, 6, 6, channels), dtype=torch.uint8)
    assert network_input(clips, modality, torch.tensor([True])).dtype == torch.float32
