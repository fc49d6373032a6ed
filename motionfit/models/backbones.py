"""Backbones by name."""

from collections.abc import Callable

import torch
from torch import nn

from motionfit.modality import Modality
from motionfit.models.network import VideoNetwork
from motionfit.models.resnet import R3D, R2Plus1D
from motionfit.models.s3d import S3D

FLOW_EPS = 1e-9
"""eps of the first batch normalisation of a network on flow. RGB has unit variance. A field of slow
motion (0.1 pixels) has values of 1/128 in some places, and the output of the first convolution has
a variance of 1e-7. With torchvision's eps of 1e-5 (1e-3 in S3D), a tenth of its scale would be left
(docs/flow.md)."""

BACKBONES: dict[str, Callable[[Modality, int], VideoNetwork]] = {
    "r2plus1d_18": lambda modality, classes: R2Plus1D(modality, classes),
    "r2plus1d_small": lambda modality, classes: R2Plus1D(
        modality, classes, layers=(1, 1, 1, 1), width=16
    ),
    "r3d_18": lambda modality, classes: R3D(modality, classes),
    "s3d": lambda modality, classes: S3D(modality, classes, gated=False),
    "s3d_g": lambda modality, classes: S3D(modality, classes, gated=True),
}


def build_network(backbone: str, modality: Modality, classes: int, seed: int) -> VideoNetwork:
    """A network with random weights drawn with `seed`. The caller's random state stays the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BACKBONES[backbone](modality, classes)
    if modality == Modality.FLOW:
        first_norm(network).eps = FLOW_EPS
    return network


def first_norm(network: VideoNetwork) -> nn.BatchNorm3d:
    """The batch normalisation after the first convolution of a network."""
    return next(module for module in network.modules() if isinstance(module, nn.BatchNorm3d))
