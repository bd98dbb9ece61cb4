"""T-Net in onnxruntime, M-Net in the native kernel: the default on CPUs, without torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from .. import weights
from ..errors import InputError, WeightsError
from ..mnet_kernel import MNetKernel, pack_parameters
from ..preset import get_preset

M_NET = "mnet."
"""What the names of M-Net's weights begin with."""


class NativeRunner:
    """A local M-Net in the native kernel, its T-Net by a function."""

    device = "cpu"

    def __init__(self, name: str, preset: str, device: str, threads: int, open_tnet: Callable[[str, int], Callable]):
        """`open_tnet`: preset and number of threads → what `Runner.tnet` is. Raises InputError, WeightsError."""
        if device != "cpu":
            raise InputError(f"runner {name} works on the cpu, not on '{device}'; use --runner torch")
        facts = get_preset(preset)
        if not facts.local_mnet:
            raise InputError(f"runner {name} does not know the M-Net of preset '{preset}'; use --runner torch")
        self.name, self.halo, self.multiple = name, facts.halo, facts.multiple
        self.threads = threads
        self.draw = MNetKernel(_load_parameters(preset), threads=threads).draw
        self.tnet = open_tnet(preset, threads)


def _load_parameters(preset: str) -> np.ndarray:
    path = weights.find(f"{preset}.safetensors", preset)
    try:
        tensors = load_file(path)
        return pack_parameters({k.removeprefix(M_NET): v for k, v in tensors.items() if k.startswith(M_NET)})
    except (SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(f"weight file {path} does not fit preset '{preset}': {error}") from error


def load(preset: str, device: str, threads: int) -> NativeRunner:
    return NativeRunner("native", preset, device, threads, _open_tnet)


def _open_tnet(preset: str, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    from .onnxruntime import open_session  # not for openvino, whose T-Net needs none of it

    session = open_session(preset, "tnet", threads)
    return lambda x: session.run(None, {"frame": x})[0][0]
