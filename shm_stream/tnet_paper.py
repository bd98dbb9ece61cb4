"""T-Net of the `paper` preset: PSPNet-50 (paper, section 4.1; Zhao et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Normalise, conv_bn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Bottleneck(nn.Module):
    """ResNet's 1x1, 3x3, 1x1 residual block (He et al. 2016), with optional dilation."""

    def __init__(self, channels_in: int, width: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        channels_out = 4 * width
        self.body = nn.Sequential(
            *conv_bn(channels_in, width, 1),
            *conv_bn(width, width, 3, stride=stride, dilation=dilation),
            *conv_bn(width, channels_out, 1, activation=False),
        )
        same = stride == 1 and channels_in == channels_out
        self.shortcut = (
            nn.Identity() if same else conv_bn(channels_in, channels_out, 1, stride=stride, padding=0, activation=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def _stage(channels_in: int, width: int, blocks: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    first = Bottleneck(channels_in, width, stride, dilation)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 1, dilation) for _ in range(blocks - 1)))


class ResNet50(nn.Module):
    """[N, 3, H, W] → [N, 2048, ~H/8, ~W/8]: the last two stages dilate instead of striding (output stride 8)."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 64, 7, stride=2), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.Sequential(
            _stage(64, 64, 3),
            _stage(256, 128, 4, stride=2),
            _stage(512, 256, 6, dilation=2),
            _stage(1024, 512, 3, dilation=4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(self.stem(x))


class PyramidPooling(nn.Module):
    """Average pooling to 1x1, 2x2, 3x3 and 6x6 bins; each is reduced, enlarged and appended to the input."""

    def __init__(self, channels: int, bins: tuple[int, ...] = (1, 2, 3, 6)):
        super().__init__()
        reduced = channels // len(bins)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(b), conv_bn(channels, reduced, 1)) for b in bins
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        enlarged = [F.interpolate(b(x), size=size, mode="bilinear", align_corners=False) for b in self.branches]
        return torch.cat([x, *enlarged], 1)


class PaperTNet(nn.Module):
    """[N, 3 or more, H, W] RGB 0..1 → logits [N, 3, H, W]. Channels after RGB (the prior alpha) are not used."""

    stride = 1

    def __init__(self):
        super().__init__()
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.encoder = ResNet50()
        self.context = PyramidPooling(2048)
        self.head = nn.Sequential(conv_bn(4096, 512, 3), nn.Dropout2d(0.1), nn.Conv2d(512, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        logits = self.head(self.context(self.encoder(self.normalise(x[:, :3]))))
        return F.interpolate(logits, size=x.shape[2:], mode="bilinear", align_corners=False)
