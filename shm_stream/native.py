"""Finds the compiled kernels and chooses which path of them runs."""

from __future__ import annotations

import functools
import importlib
import os
from types import ModuleType

from .errors import InputError

REFERENCE = "reference"
NOT_BUILT = "native extension is not built; run `pip install .` (or `pip install -e .` in a checkout)"


@functools.cache
def load() -> ModuleType | None:
    """The compiled module, or None when the build left it out on purpose (SHM_NATIVE=0).

    Raises InputError when it is missing for any other reason.
    """
    if not _wanted():
        return None
    name = f"{__package__}._native"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise InputError(NOT_BUILT) from None
        raise
    except ImportError as error:  # built for another machine or Python
        raise InputError(f"native extension cannot be loaded ({error}); reinstall it with `pip install .`") from error


def _wanted() -> bool:
    try:
        info = importlib.import_module(f"{__package__}._build_info")
    except ModuleNotFoundError:
        return True
    return info.NATIVE


def build_info() -> str:
    """One line: compiler, CPU paths and CUDA targets of the build."""
    module = load()
    return "no native code (built with SHM_NATIVE=0)" if module is None else module.build_info


def paths() -> list[str]:
    """Kernel paths that run on this machine, best first; "reference" (PyTorch, slow) is always the last."""
    module = load()
    return [*(module.cpu_paths() if module else []), REFERENCE]


def path_name() -> str:
    """The path in use: the best one, or what the environment variable SHM_STREAM_CPU asks for.

    Raises InputError when the variable names a path that this machine or build does not have.
    """
    asked = os.environ.get("SHM_STREAM_CPU")
    available = paths()
    if not asked:
        return available[0]
    if asked not in available:
        raise InputError(f"SHM_STREAM_CPU={asked} cannot be used here; choose one of {', '.join(available)}")
    return asked
