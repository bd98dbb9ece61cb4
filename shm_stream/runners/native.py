"""T-Net in onnxruntime, M-Net in the native kernel: the default on CPUs for the `live` preset, without torch."""

from __future__ import annotations

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from .. import weights
from ..errors import InputError, WeightsError
from ..mnet_kernel import MNetKernel, pack_parameters
from ..preset import get_preset
from .onnxruntime import open_session, threads_of_a_network

M_NET = "mnet."
"""What the names of M-Net's weights begin with."""


class NativeRunner:
    """The networks of the `live` preset."""

    name = "native"
    device = "cpu"

    def __init__(self, preset: str):
        facts = get_preset(preset)
        self.halo, self.multiple = facts.halo, facts.multiple
        threads = threads_of_a_network()
        self._mnet = MNetKernel(_load_parameters(preset), threads=threads)
        self._tnet = open_session(preset, "tnet", threads)

    def tnet(self, x: np.ndarray) -> np.ndarray:
        return self._tnet.run(None, {"frame": x})[0][0]

    def draw(self, frame, logits: np.ndarray, wanted: np.ndarray, alpha_raw: np.ndarray) -> None:
        self._mnet.draw(frame, logits, wanted, alpha_raw)


def _load_parameters(preset: str) -> np.ndarray:
    path = weights.find(f"{preset}.safetensors", preset)
    try:
        tensors = load_file(path)
        return pack_parameters({k.removeprefix(M_NET): v for k, v in tensors.items() if k.startswith(M_NET)})
    except (SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(f"weight file {path} does not fit preset '{preset}': {error}") from error


def load(preset: str, device: str) -> NativeRunner:
    if device != "cpu":
        raise InputError(f"runner native works on the cpu, not on '{device}'; use --runner torch")
    if preset != "live":
        raise InputError(f"runner native knows only preset live, not '{preset}'; use --runner onnxruntime")
    return NativeRunner(preset)
