"""The interface of all backbones."""

from torch import Tensor, nn

from motionfit.modality import CHANNELS, Modality


def with_channels(first: nn.Conv3d, modality: Modality) -> nn.Conv3d:
    """The first convolution of a network for RGB or, for another number of channels than that of
    RGB, a convolution like it with new weights."""
    channels = CHANNELS[modality]
    if channels == first.in_channels:
        return first
    shape = first.kernel_size, first.stride, first.padding
    return nn.Conv3d(channels, first.out_channels, *shape, bias=False)


class VideoNetwork(nn.Module):
    """A network that gives logits (B, classes) for clips (B, C, L, H, W), by the classifier `fc` on
    its features."""

    fc: nn.Module
    dim: int
    """D, the number of features."""

    def feature_map(self, clips: Tensor) -> Tensor:
        """(B, C, L, H, W) to the last block's output, (B, D, l, h, w)."""
        raise NotImplementedError

    def features(self, clips: Tensor) -> Tensor:
        """(B, C, L, H, W) to the average-pooled features before the classifier, (B, D)."""
        return self.feature_map(clips).mean(dim=(2, 3, 4))

    def last_layers(self) -> list[nn.Module]:
        """The children that the paper fine-tunes: conv4, conv5 and the classifier."""
        raise NotImplementedError

    def torchvision_name(self, name: str) -> str | None:
        """torchvision's name for a tensor of the state dict; None for the classifier, and for
        tensors that torchvision's network does not have."""
        return None if name.startswith("fc.") else name

    def open_gates(self) -> None:
        """Lets everything through the layers that torchvision's network does not have. Needed if
        that network has another name (`Backbone.published`)."""
        raise NotImplementedError

    def forward(self, clips: Tensor) -> Tensor:
        return self.fc(self.features(clips))
