"""Clips as tensors: decoded, or still encoded as JPEG for the training device to decode."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate
from torchvision.io import ImageReadMode, decode_jpeg

from motionfit.errors import MotionFitError
from motionfit.modality import CHANNELS, Modality

READ_MODES = {Modality.FRAMES: ImageReadMode.RGB, Modality.FLOW: ImageReadMode.GRAY}


class DecodedClips(NamedTuple):
    """R clips of each of B videos. The clips of one video have no dimension B."""

    pixels: Tensor
    """(B, R, L, S, S, C) uint8."""

    @classmethod
    def stack(cls, videos: Sequence["DecodedClips"]) -> "DecodedClips":
        """The clips of B videos."""
        return cls(default_collate([clips.pixels for clips in videos]))

    def on_device(self, device: torch.device) -> "DecodedClips":
        return DecodedClips(self.pixels.to(device, non_blocking=True))


class EncodedClips(NamedTuple):
    """R clips of each of B videos as JPEG, which nvJPEG decodes on a GPU. The clips of one video
    have no dimension B."""

    jpeg: Tensor
    """(bytes,) uint8: the JPEG data of all B * R * L frames, one frame after the other."""
    sizes: Tensor
    """(B, R, L) int64: bytes of each frame."""
    corners: Tensor
    """(B, R, 2) int64: top and left edge of the crop of each clip."""
    side: int
    """S: side of the crop."""
    modality: Modality

    @classmethod
    def join(
        cls,
        clips: Sequence[Sequence[np.ndarray]],
        corners: Sequence[tuple[int, int]],
        side: int,
        modality: Modality,
    ) -> "EncodedClips":
        """The clips of one video: R clips of L encoded frames each."""
        return cls(
            torch.from_numpy(np.concatenate([frame for frames in clips for frame in frames])),
            torch.tensor([[len(frame) for frame in frames] for frames in clips]),
            torch.tensor(corners),
            side,
            modality,
        )

    @classmethod
    def stack(cls, videos: Sequence["EncodedClips"]) -> "EncodedClips":
        """The clips of B videos."""
        return cls(
            torch.cat([clips.jpeg for clips in videos]),
            default_collate([clips.sizes for clips in videos]),
            default_collate([clips.corners for clips in videos]),
            videos[0].side,
            videos[0].modality,
        )

    def on_device(self, device: torch.device) -> DecodedClips:
        """Decodes the clips on the device. Raises MotionFitError if a frame is not valid JPEG."""
        B, R, L = self.sizes.shape
        S, C = self.side, CHANNELS[self.modality]
        try:
            with warnings.catch_warnings():
                # torchvision 0.29 announces that TorchCodec will replace this function.
                warnings.simplefilter("ignore")
                images = decode_jpeg(
                    list(self.jpeg.split(self.sizes.flatten().tolist())),
                    READ_MODES[self.modality],
                    device,
                )
        except RuntimeError as error:
            raise MotionFitError(
                f"a stored frame can't be decoded on {device} ({str(error).splitlines()[0]}): turn "
                "off gpu_decoding (resources), so that the unreadable video is named and skipped"
            ) from None
        clips = []
        for i, (top, left) in enumerate(self.corners.flatten(0, 1).tolist()):
            # (L, 3, H, W); for flow (L, 1, 2H, W), with x above y.
            clip = torch.stack(images[i * L : (i + 1) * L])
            clip = clip.reshape(L, C, -1, clip.shape[-1])
            clips.append(clip[:, :, top : top + S, left : left + S])
        return DecodedClips(torch.stack(clips).permute(0, 1, 3, 4, 2).unflatten(0, (B, R)))


Clips = DecodedClips | EncodedClips
