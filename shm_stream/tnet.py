"""T-Net of the `live` and `studio` presets: EfficientNet-Lite, pyramid pooling, light decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .efficientnet_lite import EfficientNetLite
from .layers import Normalise, conv_bn, separable


class PyramidPooling(nn.Module):
    """Context at several scales (PSPNet, Zhao et al. 2017): average pooling over 3x3, 7x7 and the whole map.

    Windows have a fixed size and stride 1, so that the same graph serves every input size.
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        quarter = channels_out // 4
        self.reduce = conv_bn(channels_in, channels_out, 1)
        self.pools = nn.ModuleList(nn.AvgPool2d(k, 1, k // 2, count_include_pad=False) for k in (3, 7))
        self.branches = nn.ModuleList(conv_bn(channels_out, quarter, 1) for _ in range(3))
        self.merge = conv_bn(channels_out + 3 * quarter, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        pooled = [pool(x) for pool in self.pools] + [x.mean((2, 3), keepdim=True).expand_as(x)]
        return self.merge(torch.cat([x] + [branch(p) for branch, p in zip(self.branches, pooled)], 1))


class UpBlock(nn.Module):
    """Doubles the size of the coarse map and adds the encoder's finer one."""

    def __init__(self, coarse: int, fine: int, channels_out: int):
        super().__init__()
        self.channels = channels_out
        self.project = conv_bn(coarse, channels_out, 1, activation=False)
        self.lateral = conv_bn(fine, channels_out, 1, activation=False)
        self.blend = separable(channels_out, channels_out)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        up = F.interpolate(self.project(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.blend(F.relu(up + self.lateral(fine)))


class LiveTNet(nn.Module):
    """[N, 4, h, w] RGB and prior alpha, both 0..1 → logits [N, 3, h/2, w/2]; h and w are multiples of 32.

    The prior alpha is the previous frame's, zeros when there is none.
    """

    stride = 2

    def __init__(self, variant: int = 0):
        """`variant` of the encoder, EfficientNet-Lite0 to Lite2."""
        super().__init__()
        self.normalise = Normalise((127 / 255,) * 3 + (0.0,), (128 / 255,) * 3 + (1.0,))
        self.encoder = EfficientNetLite(variant, channels_in=4)
        *fine, coarse = self.encoder.feature_channels
        self.context = PyramidPooling(coarse, 128)
        widths = (96, 64, 32, 24)
        self.up = nn.ModuleList(UpBlock(c, f, w) for c, f, w in zip((128,) + widths, reversed(fine), widths))
        self.head = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.decode(x)[-1])

    def decode(self, x: Tensor) -> list[Tensor]:
        """The decoder's feature maps, at strides 16, 8, 4 and 2."""
        *fine, coarse = self.encoder(self.normalise(x))
        y = self.context(coarse)
        maps = []
        for block, feature in zip(self.up, reversed(fine)):
            y = block(y, feature)
            maps.append(y)
        return maps
