"""Networks in PyTorch: the default on GPUs, and a cross-check on CPUs."""

from __future__ import annotations

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .. import weights
from ..errors import InputError, WeightsError
from ..preset import get_preset


class TorchRunner:
    """Both networks of a preset as torch modules on one device."""

    name = "torch"

    def __init__(self, preset: str, device: str):
        facts = get_preset(preset)
        self.halo, self.multiple, self.device = facts.halo, facts.multiple, device
        network = load_network(preset)
        fold_norms(network)
        self.network = network.to(device, memory_format=memory_format(device))

    @torch.inference_mode()
    def tnet(self, x: np.ndarray) -> np.ndarray:
        return self.network.tnet(self._upload(x))[0].float().cpu().numpy()

    @torch.inference_mode()
    def mnet(self, x: np.ndarray) -> np.ndarray:
        return self.network.mnet(self._upload(x[None]))[0, 0].float().cpu().numpy()

    def _upload(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x).to(self.device).contiguous(memory_format=memory_format(self.device))


def memory_format(device: str) -> torch.memory_format:
    """Channels last is faster on a CPU. On a GPU it makes cuDNN compile kernels for every size of frames, seconds of
    them (H100: 3.6 s before the first T-Net, else 0.5 s), and M-Net takes 4.0 ms of 4K instead of 2.4."""
    return torch.channels_last if device == "cpu" else torch.contiguous_format


def load_network(preset: str):
    """The preset's `SHM` network with its shipped weights, in evaluation mode on the CPU."""
    path = weights.find(f"{preset}.safetensors", preset)
    network = get_preset(preset).build()
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"weight file {path} does not fit preset '{preset}': {reason}") from error
    return network.eval()


def fold_norms(network: nn.Module) -> None:
    """Make each batch norm after a convolution part of it, 69 of T-Net's 209 operations: on a GPU each takes longer to
    start than to run. Only for a network in evaluation mode."""
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for index, (layer, norm) in enumerate(zip(sequence[:-1], sequence[1:], strict=True)):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[index], sequence[index + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()


def load(preset: str, device: str, threads: int) -> TorchRunner:
    """`threads` is not heard: those of torch belong to the process, whatever else it does."""
    if device != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device '{device}' was asked for, but this torch ({torch.__version__}) finds no CUDA GPU")
    return TorchRunner(preset, device)
