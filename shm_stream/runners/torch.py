"""Networks in PyTorch: the default on GPUs, and a cross-check on CPUs."""

from __future__ import annotations

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from .. import weights
from ..errors import InputError, WeightsError
from ..preset import get_preset


class TorchRunner:
    """Both networks of a preset as torch modules on one device."""

    name = "torch"

    def __init__(self, preset: str, device: str):
        facts = get_preset(preset)
        self.halo, self.multiple, self.device = facts.halo, facts.multiple, device
        self.network = load_network(preset).to(device)

    @torch.inference_mode()
    def tnet(self, x: np.ndarray) -> np.ndarray:
        return self.network.tnet(self._upload(x))[0].float().cpu().numpy()

    @torch.inference_mode()
    def mnet(self, x: np.ndarray) -> np.ndarray:
        return self.network.mnet(self._upload(x[None]))[0, 0].float().cpu().numpy()

    def _upload(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x).to(self.device).contiguous(memory_format=torch.channels_last)


def load_network(preset: str):
    """The preset's `SHM` network with its shipped weights, in evaluation mode on the CPU."""
    path = weights.find(f"{preset}.safetensors", preset)
    network = get_preset(preset).build()
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"weight file {path} does not fit preset '{preset}': {reason}") from error
    return network.eval().to(memory_format=torch.channels_last)


def load(preset: str, device: str) -> TorchRunner:
    if device != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device '{device}' was asked for, but this torch ({torch.__version__}) finds no CUDA GPU")
    return TorchRunner(preset, device)
