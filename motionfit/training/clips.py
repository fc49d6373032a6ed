"""From stored clips to a network's input."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from motionfit.store.clips import ClipStore

# Mean and standard deviation of Kinetics-400's RGB, as torchvision's video models use them: a test
# compares, since weights of theirs may be what a network starts from.
RGB_MEAN = (0.43216, 0.394666, 0.37645)
RGB_STD = (0.22803, 0.22145, 0.216989)


def crop(clip: np.ndarray, side: int, top: int, left: int) -> np.ndarray:
    """(L, H, W, C) to (L, side, side, C), the same window in every frame."""
    return np.ascontiguousarray(clip[:, top : top + side, left : left + side])


def centre_crop(clip: np.ndarray, side: int) -> np.ndarray:
    height, width = clip.shape[1:3]
    return crop(clip, side, (height - side) // 2, (width - side) // 2)


def centre_clips(
    store: ClipStore, video: str, starts: Iterable[int], length: int, side: int
) -> np.ndarray:
    """(N, L, side, side, C) uint8: the clips of a video that begin at `starts`, centre-cropped."""
    return np.stack([centre_crop(store.read(video, start, length), side) for start in starts])


def network_input(clips: Tensor, modality: str, flips: Tensor | None = None) -> Tensor:
    """Stored clips (N, L, H, W, C) uint8 to a network's input (N, C, L, H, W) float32.

    RGB is normalised by Kinetics' mean and deviation; flow becomes (q - 128)/128, so that no
    motion is exactly 0. Where flips (N,) is true the clip is mirrored left-right, and the x
    component of flow changes its sign with it.
    """
    x = clips.permute(0, 4, 1, 2, 3).to(torch.float32)
    if modality == "frames":
        mean, std = _constants((RGB_MEAN, RGB_STD), x.device)
        x = (x / 255 - mean) / std
        mirrored = x.flip(-1)
    else:
        x = (x - 128) / 128
        (sign,) = _constants(((-1.0, 1.0),), x.device)
        mirrored = x.flip(-1) * sign
    if flips is None:
        return x.contiguous()
    return torch.where(flips[:, None, None, None, None], mirrored, x).contiguous()


@cache
def _constants(values: tuple[tuple[float, ...], ...], device: torch.device) -> Tensor:
    """Values a channel, (N, C, 1, 1, 1): copied to a device once, since a GPU is waited for when
    something is."""
    return torch.tensor(values, device=device)[..., None, None, None]
