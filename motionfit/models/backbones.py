"""Backbones by name."""

from collections.abc import Callable

import torch

from motionfit.models.network import Modality, VideoNetwork
from motionfit.models.resnet import R3D, R2Plus1D
from motionfit.models.s3d import S3D

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
    """A network of random weights drawn by `seed`; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BACKBONES[backbone](modality, classes)
