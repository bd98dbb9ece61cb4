"""Which device the networks run on. Machines without a GPU never import torch for this."""

from __future__ import annotations

import ctypes
import re
from importlib.util import find_spec

from .errors import InputError

DRIVER = "libcuda.so.1"


def choose_device(device: str = "auto", runner: str | None = None) -> str:
    """"cpu" or "cuda:N" for what the user asked: "auto", "cpu", "cuda" or "cuda:N".

    "auto" takes the first GPU that can be used with `runner`, else the CPU. Raises InputError when a GPU was asked
    for by name and cannot be used; the message says what is missing.
    """
    if device == "cpu":
        return device
    if device == "auto":
        return "cpu" if runner in ("native", "onnxruntime", "openvino") or missing_for_cuda() else "cuda:0"
    match = re.fullmatch(r"cuda(?::([0-9]+))?", device)
    if match is None:
        raise InputError(f"unknown device '{device}': choose auto, cpu, cuda or cuda:N")
    index = int(match[1] or 0)
    missing = missing_for_cuda(index)
    if missing:
        raise InputError(f"device '{device}' cannot be used: {missing}; use --device cpu or auto")
    return f"cuda:{index}"


def missing_for_cuda(index: int = 0) -> str | None:
    """What keeps GPU `index` from being used, or None. The driver is asked first, and torch only after it."""
    problem = _driver_problem(index)
    if problem:
        return problem
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} needs a newer NVIDIA driver for CUDA {torch.version.cuda}"
    if index >= torch.cuda.device_count():
        return f"torch sees {torch.cuda.device_count()} GPU(s), numbered from 0"
    return None


def _driver_problem(index: int) -> str | None:
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return f"no NVIDIA driver is installed ({DRIVER} is missing)"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver finds no GPU"
    if index >= count.value:
        return f"the NVIDIA driver finds {count.value} GPU(s), numbered from 0"
    return None
