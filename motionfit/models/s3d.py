"""S3D and S3D-G (Xie et al. 2018)."""

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models import video
from torchvision.models.video.s3d import SepInceptionBlock3D

from motionfit.modality import Modality
from motionfit.models.network import VideoNetwork, with_channels

# torchvision's momentum of 0.001 suits trainings with very many steps. After a few thousand steps
# from scratch, a network would be tested with statistics of the first steps.
NORM = partial(nn.BatchNorm3d, eps=0.001, momentum=0.1)


class S3D(VideoNetwork):
    """torchvision's S3D or, with self-gating (`gated`), S3D-G.

    Clips need at least 8 frames and 32x32 pixels. The features are the mean of the last block's
    output (torchvision gives its first and last frames half the weight).
    """

    dim = 1024

    def __init__(self, modality: Modality, classes: int, gated: bool):
        super().__init__()
        self.gated = gated
        layers = list(video.s3d(norm_layer=NORM).features)
        layers[0][0][0] = with_channels(layers[0][0][0], modality)
        if gated:
            # As in the reference implementation: after the second separable convolution and in
            # every Mixed block.
            layers[SECOND] = nn.Sequential(layers[SECOND], SelfGating(192))
            layers = [
                GatedInception(layer) if isinstance(layer, SepInceptionBlock3D) else layer
                for layer in layers
            ]
        self.conv1_3 = nn.Sequential(*layers[:CONV4])
        self.conv4_5 = nn.Sequential(*layers[CONV4:])
        self.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.dim, classes))

    def feature_map(self, clips: Tensor) -> Tensor:
        return self.conv4_5(self.conv1_3(clips))

    def last_layers(self) -> list[nn.Module]:
        return [self.conv4_5, self.fc]

    def torchvision_name(self, name: str) -> str | None:
        section, place, *rest = name.split(".")
        if section == "fc":
            return None
        layer = int(place) + (CONV4 if section == "conv4_5" else 0)
        if rest[0] == "branches":  # in GatedInception: branches, number, branch or gate, ...
            _, branch, wrapped, *rest = rest
            rest = [f"branch{branch}", *rest]
        elif self.gated and layer == SECOND:
            wrapped, *rest = rest
        else:
            wrapped = "0"
        return ".".join(["features", str(layer), *rest]) if wrapped == "0" else None

    def open_gates(self) -> None:
        # Random gates would halve the inputs of the layers after them, compared to their training.
        for module in self.modules():
            if isinstance(module, SelfGating):
                module.open()


s3d = partial(S3D, gated=False)
s3d_g = partial(S3D, gated=True)

SECOND = 3
"""Index of the second separable convolution in torchvision's list of layers."""
CONV4 = 8
"""Index of the first block of conv4, Mixed_4b."""


class SelfGating(nn.Module):
    """Weights channels by the mean over the whole clip: x * sigmoid(W mean(x) + b)."""

    def __init__(self, channels: int):
        super().__init__()
        self.fc = nn.Linear(channels, channels)

    def open(self) -> None:
        """Initialises the gate to let 98% of every channel through. It can still learn to close."""
        nn.init.zeros_(self.fc.weight)
        nn.init.constant_(self.fc.bias, 4.0)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean(dim=(2, 3, 4))).sigmoid()[:, :, None, None, None]


class GatedInception(nn.Module):
    """An Inception block with a gate after each of its four branches."""

    def __init__(self, block: SepInceptionBlock3D):
        super().__init__()
        branches = [block.branch0, block.branch1, block.branch2, block.branch3]
        self.branches = nn.ModuleList(
            nn.Sequential(branch, SelfGating(channels_of(branch))) for branch in branches
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def channels_of(branch: nn.Module) -> int:
    """Number of output channels of a branch: those of its last normalisation."""
    return [m for m in branch.modules() if isinstance(m, nn.BatchNorm3d)][-1].num_features
