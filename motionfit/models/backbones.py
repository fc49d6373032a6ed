"""Backbones by name."""

from importlib import import_module

import torch
from torch import nn

from motionfit.config import BACKBONES
from motionfit.modality import Modality
from motionfit.models.network import VideoNetwork

FLOW_EPS = 1e-9
"""eps of the first batch normalisation of a network on flow. RGB has unit variance. A field of slow
motion (0.1 pixels) has values of 1/128 in some places, and the output of the first convolution has
a variance of 1e-7. With torchvision's eps of 1e-5 (1e-3 in S3D), a tenth of its scale would be left
(docs/flow.md)."""


def new_network(backbone: str, modality: Modality, classes: int) -> VideoNetwork:
    """A network as its module makes it, with random weights of the current random state."""
    return getattr(import_module(BACKBONES[backbone].module), backbone)(modality, classes)


def build_network(backbone: str, modality: Modality, classes: int, seed: int) -> VideoNetwork:
    """A network with random weights drawn with `seed`. The caller's random state stays the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = new_network(backbone, modality, classes)
    if modality == Modality.FLOW:
        first_norm(network).eps = FLOW_EPS
    return network


def first_norm(network: VideoNetwork) -> nn.BatchNorm3d:
    """The batch normalisation after the first convolution of a network."""
    return next(module for module in network.modules() if isinstance(module, nn.BatchNorm3d))
