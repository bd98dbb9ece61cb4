"""Runners execute the networks of a preset. One file per runner; none is imported before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from ..errors import InputError
from ..preset import get_preset

if TYPE_CHECKING:
    import numpy as np  # the command line reads the names here; --help need not wait for numpy

RUNNERS = {"onnxruntime": ".onnxruntime", "torch": ".torch"}


class Runner(Protocol):
    """What the engine calls. Only documentation: runners are ordinary classes."""

    name: str
    device: str
    halo: int
    """Pixels that M-Net eats on every side of its input."""
    multiple: int
    """M-Net's output height and width are multiples of this."""

    def tnet(self, x: np.ndarray) -> np.ndarray:
        """[1, 4, h, w] float32 RGB + prior alpha 0..1, sides multiples of 32 → logits [3, h', w'] float32."""

    def mnet(self, x: np.ndarray) -> np.ndarray:
        """[6, H + 2·halo, W + 2·halo] float32 → alpha_raw [H, W] float32."""


def default_runner(device: str) -> str:
    """The faster one there: onnxruntime on a CPU, torch on a GPU."""
    return "onnxruntime" if device == "cpu" else "torch"


def load_runner(preset: str = "live", runner: str | None = None, device: str = "cpu") -> Runner:
    """The runner of that name, with the preset's weights.

    `runner=None` takes onnxruntime on a CPU and torch on a GPU. Raises InputError for a name that does not
    exist, a missing package or a device the runner has not got, WeightsError for bad weight files.
    """
    get_preset(preset)
    name = runner or default_runner(device)
    if name not in RUNNERS:
        raise InputError(f"unknown runner '{name}': choose one of {', '.join(RUNNERS)}")
    try:
        module = import_module(RUNNERS[name], __package__)
    except ImportError as error:
        raise InputError(f"runner '{name}' cannot be loaded ({error}); pip install {name}") from error
    return module.load(preset, device)
