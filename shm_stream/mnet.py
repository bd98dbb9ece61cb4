"""M-Net of the `live` and `studio` presets: a local colour model at full resolution, with an exact receptive field."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import conv_bn, separable

BLOCK = 4
"""Side of the pixel blocks that space-to-depth folds into channels."""
DILATIONS = (1, 2, 1)
REACH = sum(DILATIONS) + 1
"""Blocks of context on every side: what the 3x3 convolutions eat, and one that interpolation reads."""
HALO = BLOCK * REACH
"""Pixels of context on every side: the network eats them."""
CHANNELS = 6


class LiveMNet(nn.Module):
    """[N, 6, H + 2·HALO, W + 2·HALO] RGB 0..1 and trimap → alpha_raw [N, 1, H, W]; H and W are multiples of BLOCK.

    Near a point, alpha is close to an affine function of the colour (Levin et al. 2008, "A Closed-Form Solution to
    Natural Image Matting", section 3: the colour line model). The network estimates that function and applies it at
    full resolution, so that detail as fine as a pixel comes from the frame itself: each block of 4x4 pixels is folded
    into channels, separable 3x3 convolutions without padding look around and write for each block the weights of the
    six input channels and an offset; these are interpolated bilinearly to every pixel, multiplied with the pixel's own
    channels and summed; a sigmoid ends it.

    Receptive field: at most HALO + 1 = 21 pixels to each side, and nothing beyond. Because no convolution
    pads, a tile cut out with its halo gives the same values as the whole frame.
    """

    halo = HALO
    multiple = BLOCK

    def __init__(self, width: int = 32):
        super().__init__()
        # the stride makes this space-to-depth and a 1x1 convolution in one, without moving pixels about first
        self.fold = conv_bn(CHANNELS, width, BLOCK, stride=BLOCK, padding=0)
        self.look = nn.ModuleList(separable(width, width, padding=0, dilation=d) for d in DILATIONS)
        self.write = nn.Conv2d(width, CHANNELS + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fold(x)
        for layer, d in zip(self.look, DILATIONS):
            y = layer(y) + y[:, :, d:-d, d:-d]
        model = F.interpolate(self.write(y), scale_factor=float(BLOCK), mode="bilinear", align_corners=False)
        model = model[:, :, BLOCK:-BLOCK, BLOCK:-BLOCK]
        pixels = x[:, :, HALO:-HALO, HALO:-HALO] - 0.5
        weighted = (model[:, :CHANNELS] * pixels).sum(1, keepdim=True)
        return torch.sigmoid(weighted + model[:, CHANNELS:])
