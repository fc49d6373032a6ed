"""Clips that travel as JPEG and are decoded on the device that trains, by nvJPEG on a GPU.

A set of clips is then three tensors: `NAME_jpeg` (bytes,) uint8, all frames one after the other;
`NAME_sizes` (B, R, L) int64, the bytes of each; and `corners` (B, R, 2) int64, top and left edge of
the crop of each clip.
"""

import warnings

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from motionfit.errors import MotionFitError
from motionfit.models.network import CHANNELS

MODES = {"frames": ImageReadMode.RGB, "flow": ImageReadMode.GRAY}


def joined(name: str, clips: list[list[np.ndarray]]) -> dict[str, Tensor]:
    """The encoded frames (R lists of L) of a sample as `NAME_jpeg` and `NAME_sizes`."""
    return {
        f"{name}_jpeg": torch.from_numpy(np.concatenate([f for frames in clips for f in frames])),
        f"{name}_sizes": torch.tensor([[len(frame) for frame in frames] for frames in clips]),
    }


def decode_clips(
    jpeg: Tensor, sizes: Tensor, corners: Tensor, modality: str, side: int, device: torch.device
) -> Tensor:
    """(B, R, L, S, S, C) uint8 on the device. Raises MotionFitError where a frame is no JPEG."""
    B, R, L = sizes.shape
    channels = CHANNELS[modality]
    if not B:
        return torch.zeros((B, R, L, side, side, channels), dtype=torch.uint8, device=device)
    try:
        with warnings.catch_warnings():
            # torchvision 0.29 says that TorchCodec will take this over.
            warnings.simplefilter("ignore")
            images = decode_jpeg(
                list(jpeg.split(sizes.flatten().tolist())), MODES[modality], device
            )
    except RuntimeError as error:
        raise MotionFitError(
            f"a stored frame can't be decoded on {device} ({str(error).splitlines()[0]}): turn off "
            "gpu_decoding (resources) to have the bad video named and passed over"
        ) from None
    clips = []
    for i, (top, left) in enumerate(corners.flatten(0, 1).tolist()):
        clip = torch.stack(images[i * L : (i + 1) * L])  # (L, 3, H, W), or (L, 1, 2H, W) of flow
        clip = clip.reshape(L, channels, -1, clip.shape[-1])
        clips.append(clip[:, :, top : top + side, left : left + side])
    return torch.stack(clips).permute(0, 1, 3, 4, 2).unflatten(0, (B, R))
