"""From stored clips to the input of a network."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from motionfit.modality import RGB_MEAN, RGB_STD, Modality
from motionfit.store.clips import ClipStore


def crop(clip: np.ndarray, side: int, top: int, left: int) -> np.ndarray:
    """(L, H, W, C) to (L, side, side, C): the same square of every frame."""
    return np.ascontiguousarray(clip[:, top : top + side, left : left + side])


def centre_crop(clip: np.ndarray, side: int) -> np.ndarray:
    """(L, H, W, C) to (L, side, side, C): the centre of every frame."""
    height, width = clip.shape[1:3]
    return crop(clip, side, (height - side) // 2, (width - side) // 2)


def read_centre_clips(
    store: ClipStore, video: str, starts: Iterable[int], length: int, side: int
) -> np.ndarray:
    """(N, L, side, side, C) uint8: the centre-cropped clips of a video that start at `starts`."""
    return np.stack([centre_crop(store.read(video, start, length), side) for start in starts])


def network_input(clips: Tensor, modality: Modality, flips: Tensor | None = None) -> Tensor:
    """Stored clips (N, L, H, W, C) uint8 to the input of a network, (N, C, L, H, W) float32.

    RGB is normalised by the mean and standard deviation of Kinetics. Flow becomes (q - 128)/128, so
    that no motion is exactly 0. Where `flips` (N,) is true, the clip is mirrored left to right; in
    flow, the x component changes its sign as well.
    """
    x = clips.permute(0, 4, 1, 2, 3).to(torch.float32)
    if modality == Modality.FRAMES:
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
    """One value per channel, (N, C, 1, 1, 1). Cached, because every copy to a GPU would wait for
    the GPU."""
    return torch.tensor(values, dtype=torch.float32, device=device)[..., None, None, None]
