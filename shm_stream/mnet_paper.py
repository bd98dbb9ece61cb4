"""M-Net of the `paper` preset: VGG16 encoder, light decoder with unpooling (paper, section 4.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Normalise, conv_bn
from .tnet_paper import IMAGENET_MEAN, IMAGENET_STD

ENCODER = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of VGG16's 13 convolutions; a max-pooling stands between two groups."""
DECODER = (512, 256, 128, 64, 64)
"""Channels of the decoder's first five convolutions; the sixth writes alpha_raw."""


class PaperMNet(nn.Module):
    """[N, 6, H, W] RGB 0..1 and trimap → alpha_raw [N, 1, H, W] in 0..1, for any H, W >= 16.

    13 convolutions and 4 max-poolings that keep their indices, then 6 convolutions and 4 unpoolings that use
    them; batch norm after every convolution. The decoder's kernels are 5x5 as in Deep Image Matting, whose
    sixth encoder and decoder layers the paper drops.
    """

    halo = 0
    multiple = 1

    def __init__(self):
        super().__init__()
        self.normalise = Normalise(IMAGENET_MEAN + (0.0,) * 3, IMAGENET_STD + (1.0,) * 3)
        channels = 6
        self.encoder = nn.ModuleList()
        for group in ENCODER:
            layers = []
            for width in group:
                layers.append(conv_bn(channels, width, 3))
                channels = width
            self.encoder.append(nn.Sequential(*layers))
        widths = (channels, *DECODER)
        self.decoder = nn.ModuleList(conv_bn(a, b, 5) for a, b in zip(widths, widths[1:]))
        self.write = conv_bn(DECODER[-1], 1, 5, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.normalise(x)
        pooled = []
        for group in self.encoder[:-1]:
            x = group(x)
            size = x.shape[2:]
            x, indices = F.max_pool2d(x, 2, return_indices=True)
            pooled.append((indices, size))
        x = self.encoder[-1](x)
        for layer, (indices, size) in zip(self.decoder, reversed(pooled)):
            x = F.max_unpool2d(layer(x), indices, 2, output_size=size)
        return torch.sigmoid(self.write(self.decoder[-1](x)))
