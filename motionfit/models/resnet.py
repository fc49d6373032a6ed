"""Three-dimensional residual networks (Tran et al. 2018)."""

from torch import Tensor, nn
from torchvision.models.video.resnet import (
    BasicBlock,
    BasicStem,
    Conv2Plus1D,
    Conv3DSimple,
    R2Plus1dStem,
    VideoResNet,
)

from motionfit.modality import Modality
from motionfit.models.network import VideoNetwork, with_channels


class ResNet(VideoNetwork, VideoResNet):
    """torchvision's VideoResNet: stem, layer1..layer4 (the paper's conv2 to conv5), fc."""

    def feature_map(self, clips: Tensor) -> Tensor:
        x = self.stem(clips)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    @property
    def dim(self) -> int:
        return self.fc.in_features

    def last_layers(self) -> list[nn.Module]:
        return [self.layer3, self.layer4, self.fc]

    def take(self, modality: Modality) -> "ResNet":
        """Gives the first convolution the channels of the modality and, if they differ from RGB,
        new weights. Returns the network."""
        first = with_channels(self.stem[0], modality)
        if first is not self.stem[0]:
            nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
            self.stem[0] = first
        return self


def r3d_18(modality: Modality, classes: int) -> ResNet:
    """R3D-18: all convolutions are three-dimensional."""
    return ResNet(BasicBlock, [Conv3DSimple] * 4, [2, 2, 2, 2], BasicStem, classes).take(modality)


def r2plus1d_18(modality: Modality, classes: int) -> ResNet:
    """R(2+1)D-18."""
    return ResNet(BasicBlock, [Conv2Plus1D] * 4, [2, 2, 2, 2], R2Plus1dStem, classes).take(modality)


def r2plus1d_small(modality: Modality, classes: int) -> ResNet:
    return SmallResNet(classes).take(modality)


class SmallResNet(ResNet):
    """R(2+1)D with one block per layer and 16 channels in the first one. The constructor of
    VideoResNet supports 64 only."""

    def __init__(self, classes: int):
        nn.Module.__init__(self)
        width = 16
        self.inplanes = width
        middle = width * 45 // 64  # torchvision's stem has 45 of 64
        self.stem = nn.Sequential(
            nn.Conv3d(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            nn.Conv3d(middle, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
        )
        for i in range(4):
            stride = 1 if i == 0 else 2
            layer = self._make_layer(BasicBlock, Conv2Plus1D, width * 2**i, 1, stride)
            setattr(self, f"layer{i + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(width * 8, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
