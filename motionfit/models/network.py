"""What every backbone is."""

from torch import Tensor, nn

Modality = str
CHANNELS: dict[Modality, int] = {"frames": 3, "flow": 2}


class VideoNetwork(nn.Module):
    """A network on clips (B, C, L, H, W) that gives logits (B, classes): its classifier `fc` on its
    features."""

    fc: nn.Module
    dim: int
    """D: number of features."""

    def feature_map(self, clips: Tensor) -> Tensor:
        """(B, C, L, H, W) to the last block's output, (B, D, l, h, w)."""
        raise NotImplementedError

    def features(self, clips: Tensor) -> Tensor:
        """(B, C, L, H, W) to the average-pooled features before the classifier, (B, D)."""
        return self.feature_map(clips).mean(dim=(2, 3, 4))

    def last_layers(self) -> list[nn.Module]:
        """conv4, conv5 and the classifier, which the paper fine-tunes; children of the network."""
        raise NotImplementedError

    def torchvision_name(self, name: str) -> str | None:
        """torchvision's name of a tensor of the network's state; None of the classifier, and of
        what torchvision's network has not."""
        return None if name.startswith("fc.") else name

    def forward(self, clips: Tensor) -> Tensor:
        return self.fc(self.features(clips))
