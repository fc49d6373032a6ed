"""Random changes of training clips, the same for all frames of a clip."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from motionfit.clips.encoding import DecodedClips
from motionfit.config import Augmentation
from motionfit.modality import CHANNELS, Modality

BLUR = 1 / 112
"""Largest standard deviation of the blur, as a fraction of the side of a clip (Chen et al. 2020: 2
pixels of 224)."""


class Changes(NamedTuple):
    """What happens to one clip. As a tensor of numbers it travels with the clip, so that frames and
    a teacher's flow are cut out alike."""

    top: float = 0.0
    """Edges of the square that is cut out, as fractions of the side of the clip."""
    left: float = 0.0
    side: float = 1.0
    brightness: float = 1.0
    """Factors; 1 changes nothing."""
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    """Shift, as a fraction of the colour circle."""
    grey: float = 0.0
    """1 if the clip becomes grey."""
    blur: float = 0.0
    """Standard deviation, as a fraction of the side of the clip; 0 for no blur."""


def draw_changes(recipe: Augmentation, random: np.random.Generator) -> Changes:
    """Draws what happens to one clip."""
    side = random.uniform(recipe.zoom, 1)
    top, left = random.uniform(0, 1 - side, size=2)
    brightness, contrast, saturation = random.uniform(1 - recipe.colour, 1 + recipe.colour, size=3)
    return Changes(
        top,
        left,
        side,
        brightness,
        contrast,
        saturation,
        hue=random.uniform(-recipe.hue, recipe.hue),
        grey=float(random.random() < recipe.grey),
        blur=random.uniform(0.1 * BLUR, BLUR) if random.random() < recipe.blur else 0.0,
    )


def augmented(decoded: DecodedClips, changes: Tensor) -> DecodedClips:
    """Changes clips by `changes` (B, R, 9), one row of `Changes` per clip; (B, R, 0) changes
    nothing. Flow is only cut out; its vectors grow with the picture."""
    if not changes.numel():
        return decoded
    pixels = decoded.pixels
    clips = pixels.flatten(0, 1).permute(0, 1, 4, 2, 3)
    rows = [Changes(*row) for row in changes.flatten(0, 1).tolist()]
    change = _changed_flow if pixels.shape[-1] == CHANNELS[Modality.FLOW] else _changed_frames
    changed = [change(clip, row) for clip, row in zip(clips, rows, strict=True)]
    return DecodedClips(torch.stack(changed).permute(0, 1, 3, 4, 2).reshape(pixels.shape))


def _changed_frames(clip: Tensor, changes: Changes) -> Tensor:
    """(L, 3, S, S) uint8 to the same shape."""
    # As fractions: torchvision cuts off the decimals of integers, so each step would darken clips.
    clip = _zoomed(clip, changes).float() / 255
    clip = F.adjust_brightness(clip, changes.brightness)
    # With one mean for all frames: torchvision's own contrast takes the mean of each frame.
    mean = F.rgb_to_grayscale(clip).mean()
    clip = (changes.contrast * clip + (1 - changes.contrast) * mean).clamp(0, 1)
    clip = F.adjust_saturation(clip, changes.saturation)
    if changes.hue:
        clip = F.adjust_hue(clip, changes.hue)
    if changes.grey:
        clip = F.rgb_to_grayscale(clip, num_output_channels=3)
    if changes.blur:
        side = clip.shape[-1]
        kernel = 2 * max(1, round(0.05 * side)) + 1  # a tenth of the side, and odd
        clip = F.gaussian_blur(clip, [kernel, kernel], [changes.blur * side] * 2)
    return (clip * 255).round().to(torch.uint8)


def _changed_flow(clip: Tensor, changes: Changes) -> Tensor:
    """(L, 2, S, S) uint8 to the same shape; 128 is no motion."""
    side, cut = clip.shape[-1], _cut_side(clip, changes)
    if cut == side:
        return clip
    vectors = (_zoomed(clip, changes).float() - 128) * side / cut
    return (vectors + 128).round().clamp(1, 255).to(torch.uint8)


def _cut_side(clip: Tensor, changes: Changes) -> int:
    """Side in pixels of the square that is cut out."""
    return max(1, round(changes.side * clip.shape[-1]))


def _zoomed(clip: Tensor, changes: Changes) -> Tensor:
    side, cut = clip.shape[-1], _cut_side(clip, changes)
    if cut == side:
        return clip
    top, left = (min(round(edge * side), side - cut) for edge in (changes.top, changes.left))
    return F.resized_crop(clip, top, left, cut, cut, [side, side], antialias=True)
