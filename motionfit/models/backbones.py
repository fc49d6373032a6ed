"""Video networks. Each is torchvision's VideoResNet: stem, layer1..layer4 (the paper's conv2 to
conv5), avgpool, fc."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet

Modality = str
CHANNELS: dict[Modality, int] = {"frames": 3, "flow": 2}


class R2Plus1D(VideoResNet):
    """R(2+1)D (Tran et al. 2018) with any number of blocks, channels and input channels.

    Takes clips (B, C, L, H, W) and gives logits (B, classes).
    """

    def __init__(
        self,
        modality: Modality,
        classes: int,
        layers: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
    ):
        if width == 64:
            super().__init__(BasicBlock, [Conv2Plus1D] * 4, list(layers), R2Plus1dStem, classes)
        else:
            self._narrow(classes, layers, width)
        if CHANNELS[modality] != 3:
            stem = self.stem[0]
            self.stem[0] = nn.Conv3d(
                CHANNELS[modality], stem.out_channels, stem.kernel_size, stem.stride, stem.padding,
                bias=False,
            )  # fmt: skip
            nn.init.kaiming_normal_(self.stem[0].weight, mode="fan_out", nonlinearity="relu")

    def _narrow(self, classes: int, layers: Sequence[int], width: int) -> None:
        """What VideoResNet's constructor does, which knows no width but 64."""
        nn.Module.__init__(self)
        self.inplanes = width
        middle = width * 45 // 64  # as torchvision's stem keeps 45 of 64
        self.stem = nn.Sequential(
            nn.Conv3d(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            nn.Conv3d(middle, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
        )
        for i, blocks in enumerate(layers):
            stride = 1 if i == 0 else 2
            layer = self._make_layer(BasicBlock, Conv2Plus1D, width * 2**i, blocks, stride)
            setattr(self, f"layer{i + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(width * 8, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, clips: Tensor) -> Tensor:
        """(B, C, L, H, W) to the last residual block's output, (B, D, l, h, w)."""
        x = self.stem(clips)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def features(self, clips: Tensor) -> Tensor:
        """(B, C, L, H, W) to the average-pooled features before the classifier, (B, D)."""
        return self.avgpool(self.feature_map(clips)).flatten(1)

    def last_layers(self) -> list[nn.Module]:
        """conv4, conv5 and the classifier, which the paper fine-tunes."""
        return [self.layer3, self.layer4, self.fc]


BACKBONES: dict[str, Callable[[Modality, int], R2Plus1D]] = {
    "r2plus1d_18": lambda modality, classes: R2Plus1D(modality, classes),
    "r2plus1d_small": lambda modality, classes: R2Plus1D(
        modality, classes, layers=(1, 1, 1, 1), width=16
    ),
}


def build_network(backbone: str, modality: Modality, classes: int, seed: int) -> R2Plus1D:
    """A network of random weights drawn by `seed`; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BACKBONES[backbone](modality, classes)
