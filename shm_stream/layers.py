"""Building blocks shared by the networks."""

import torch
from torch import Tensor, nn


def conv_bn(
    channels_in: int,
    channels_out: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    activation: bool = True,
) -> nn.Sequential:
    """Convolution, batch norm and ReLU. `padding=None` keeps the size (at stride 1)."""
    if padding is None:
        padding = dilation * (kernel - 1) // 2
    layers = [
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(channels_out),
    ]
    if activation:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def separable(
    channels_in: int, channels_out: int, kernel: int = 3, *, padding: int | None = None, dilation: int = 1
) -> nn.Sequential:
    """Depthwise then pointwise convolution, batch norm after each, ReLU at the end. `padding` as in `conv_bn`."""
    depthwise = {"padding": padding, "dilation": dilation, "groups": channels_in, "activation": False}
    return nn.Sequential(
        *conv_bn(channels_in, channels_in, kernel, **depthwise),
        *conv_bn(channels_in, channels_out, 1),
    )


class Normalise(nn.Module):
    """(x - mean) / std with constants: never with statistics of the frame itself, which would flicker."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
