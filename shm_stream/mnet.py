"""M-Net of the `live` preset: a light network at full resolution with a small, exact receptive field."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import conv_bn

BLOCK = 4
"""Side of the pixel blocks that space-to-depth folds into channels."""
LAYERS = 4
HALO = BLOCK * LAYERS
"""Pixels of context on every side: the network eats them."""


class LiveMNet(nn.Module):
    """[N, 6, H + 2·HALO, W + 2·HALO] RGB 0..1 and trimap → alpha_raw [N, 1, H, W]; H and W are multiples of BLOCK.

    Blocks of 4x4 pixels become channels, four 3x3 convolutions without padding look around, and two 1x1
    convolutions, which see the block's own pixels again, write its 16 alpha values.

    Receptive field: each 3x3 layer reaches one block further, so a pixel depends on its own block and the
    four blocks to each side: at most HALO + BLOCK - 1 = 19 pixels away, and on nothing beyond. Because no
    convolution pads, a tile cut out with its halo gives the same values as the whole frame.
    """

    halo = HALO
    multiple = BLOCK

    def __init__(self, width: int = 32):
        super().__init__()
        folded = 6 * BLOCK * BLOCK
        channels = [folded] + [width] * LAYERS
        self.look = nn.ModuleList(conv_bn(a, b, 3, padding=0) for a, b in zip(channels, channels[1:]))
        self.mix = conv_bn(width + folded, 48, 1)
        self.write = nn.Conv2d(48, BLOCK * BLOCK, 1)

    def forward(self, x: Tensor) -> Tensor:
        folded = F.pixel_unshuffle(x, BLOCK)
        y = self.look[0](folded)
        for layer in self.look[1:]:
            y = layer(y) + y[:, :, 1:-1, 1:-1]
        own = folded[:, :, LAYERS:-LAYERS, LAYERS:-LAYERS]
        y = self.write(self.mix(torch.cat([y, own], 1)))
        return torch.sigmoid(F.pixel_shuffle(y, BLOCK))
