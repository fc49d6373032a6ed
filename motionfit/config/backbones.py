"""The backbones. A config is read without PyTorch, so their modules are imported later."""

from typing import NamedTuple


class Backbone(NamedTuple):
    """What is known of a backbone before its network is built."""

    module: str
    """Its module. A function with the backbone's name returns the network."""
    features: int
    """D, the number of features."""
    published: str | None
    """The network of `torchvision.models.video` whose weights it can start from, if any."""
    shortest_clip: int = 1
    """Frames that a clip needs."""


BACKBONES = {
    "r2plus1d_18": Backbone("motionfit.models.resnet", 512, "r2plus1d_18"),
    "r2plus1d_small": Backbone("motionfit.models.resnet", 128, None),
    "r3d_18": Backbone("motionfit.models.resnet", 512, "r3d_18"),
    "s3d": Backbone("motionfit.models.s3d", 1024, "s3d", shortest_clip=8),
    "s3d_g": Backbone("motionfit.models.s3d", 1024, "s3d", shortest_clip=8),
}
