import numpy as np
import pytest
import torch

from motionfit.clips.augmentation import Changes, augmented, draw_changes
from motionfit.clips.encoding import DecodedClips
from motionfit.config import Augmentation

SIDE = 32


def frames(clips: int = 1) -> torch.Tensor:
    """(1, R, 4, S, S, 3): the same random picture in each frame of a clip."""
    picture = torch.randint(0, 256, (1, clips, 1, SIDE, SIDE, 3), dtype=torch.uint8)
    return picture.expand(-1, -1, 4, -1, -1, -1).contiguous()


def change(clips: torch.Tensor, *changes: Changes) -> torch.Tensor:
    return augmented(DecodedClips(clips), torch.tensor([changes])).pixels


def test_no_change_changes_nothing():
    clips = frames(2)
    assert torch.equal(change(clips, Changes(), Changes()), clips)


@pytest.mark.parametrize(
    "changes",
    [
        {"top": 0.2, "left": 0.1, "side": 0.6},
        {"brightness": 1.5},
        {"contrast": 0.5},
        {"saturation": 0.3},
        {"hue": 0.2},
        {"grey": 1.0},
        {"blur": 1 / 20},
    ],
    ids=lambda changes: list(changes)[-1],
)
def test_all_frames_of_a_clip_change_alike_and_other_clips_do_not(changes):
    clips = frames(2)
    result = change(clips, Changes(**changes), Changes())
    assert not torch.equal(result[:, 0], clips[:, 0])
    assert (result[:, 0] == result[:, 0, :1]).all()
    assert torch.equal(result[:, 1], clips[:, 1])


def test_contrast_keeps_how_frames_differ():
    clips = torch.full((1, 1, 2, SIDE, SIDE, 3), 100, dtype=torch.uint8)
    clips[:, :, 1] = 120
    assert change(clips, Changes(contrast=0.5))[0, 0, :, 0, 0, 0].tolist() == [105, 115]


def test_grey_has_equal_channels():
    result = change(frames(), Changes(grey=1.0))
    assert (result == result[..., :1]).all()


def test_zoom_shows_the_square_that_is_cut_out():
    clips = torch.zeros(1, 1, 2, SIDE, SIDE, 3, dtype=torch.uint8)
    clips[..., 8:24, 16:32, :] = 200  # the square of half the side at (8, 16)
    result = change(clips, Changes(top=0.25, left=0.5, side=0.5))
    assert (result == 200).all()


def test_a_teachers_flow_is_cut_out_alike_and_its_vectors_grow():
    flow = torch.full((1, 1, 2, SIDE, SIDE, 2), 128, dtype=torch.uint8)
    flow[..., 8:24, 16:32, 0] = 128 + 20
    flow[..., 8:24, 16:32, 1] = 128 - 10
    result = change(flow, Changes(top=0.25, left=0.5, side=0.5, brightness=1.5, grey=1.0))
    assert (result[..., 0] == 128 + 40).all()
    assert (result[..., 1] == 128 - 20).all()


def test_vectors_beyond_the_bound_stay_at_the_bound():
    flow = torch.full((1, 1, 2, SIDE, SIDE, 2), 250, dtype=torch.uint8)
    flow[..., 1] = 10
    result = change(flow, Changes(side=0.5))
    assert (result[..., 0] == 255).all()
    assert (result[..., 1] == 1).all()  # 0 is not stored: it would be beyond the bound


def test_a_batch_without_videos_stays_empty():
    clips = torch.zeros((0, 2, 4, SIDE, SIDE, 3), dtype=torch.uint8)
    assert augmented(DecodedClips(clips), torch.zeros((0, 2, 9))).pixels.shape == clips.shape


def test_clips_without_changes_stay_as_they_are():
    clips = DecodedClips(frames(2))
    assert augmented(clips, torch.zeros((1, 2, 0))) is clips


def test_draws_stay_in_the_ranges_of_the_recipe():
    recipe = Augmentation(zoom=0.5, colour=0.4, hue=0.1, grey=0.3, blur=0.5)
    random = np.random.default_rng(0)
    draws = [draw_changes(recipe, random) for _ in range(500)]
    sides = np.array([draw.side for draw in draws])
    assert sides.min() >= 0.5
    assert sides.max() <= 1
    assert all(0 <= edge <= 1 - d.side + 1e-9 for d in draws for edge in (d.top, d.left))
    factors = np.array([(d.brightness, d.contrast, d.saturation) for d in draws])
    assert factors.min() >= 0.6
    assert factors.max() <= 1.4
    assert max(abs(draw.hue) for draw in draws) <= 0.1
    assert 0.2 < np.mean([draw.grey for draw in draws]) < 0.4
    assert 0.4 < np.mean([draw.blur > 0 for draw in draws]) < 0.6


def test_the_default_recipe_draws_no_change():
    assert draw_changes(Augmentation(), np.random.default_rng(0)) == Changes()
