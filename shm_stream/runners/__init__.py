"""Runners execute the networks of a preset. One file per runner; none is imported before it is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from ..errors import InputError
from ..native import REFERENCE, path_name
from ..preset import get_preset
from ..threads import share_out, usable_cores

if TYPE_CHECKING:
    import numpy as np  # the command line reads the names here; --help need not wait for numpy

RUNNERS = {"native": ".native", "onnxruntime": ".onnxruntime", "openvino": ".openvino", "torch": ".torch"}


class Runner(Protocol):
    """What the engine calls. Only documentation: runners are ordinary classes, with `mnet` or with `draw`; one that
    compiles T-Net for each shape has `compile_tnet`, too."""

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

    def draw(self, frame, logits: np.ndarray, wanted: np.ndarray, alpha_raw: np.ndarray, stale=None) -> None:
        """M-Net on a frame itself, only in the wanted blocks of `multiple` pixels: see `MNetKernel.draw`."""


def default_runner(device: str, preset: str) -> str:
    """The fastest one there: torch on a GPU; on a CPU onnxruntime, or where the native kernel can draw the preset's
    M-Net, openvino if that is installed and else native."""
    if device != "cpu":
        return "torch"
    if not get_preset(preset).local_mnet or path_name() == REFERENCE:
        return "onnxruntime"
    return "openvino" if find_spec("openvino") else "native"


def load_runner(
    preset: str = "live", runner: str | None = None, device: str = "cpu", threads: int | None = None
) -> Runner:
    """The runner of that name, with the preset's weights.

    `runner=None` takes that of `default_runner`. `threads`: of each network on a CPU, None for half of the cores, since
    both work side by side. Raises InputError for a name that does not exist, a missing package or a device the runner
    has not got, WeightsError for bad weight files.
    """
    get_preset(preset)
    name = runner or default_runner(device, preset)
    if name not in RUNNERS:
        raise InputError(f"unknown runner '{name}': choose one of {', '.join(RUNNERS)}")
    try:
        module = import_module(RUNNERS[name], __package__)
    except ImportError as error:
        raise InputError(f"runner '{name}' cannot be loaded ({error}); pip install {name}") from error
    return module.load(preset, device, threads or share_out(usable_cores()).network)
