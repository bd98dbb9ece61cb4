"""Shared by all tests: the kernel paths of this machine, GPU tests without a GPU, training data and scripts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from training_setup import command_line, write_data

from shm_stream import fuse, native

# pymatting compiles when it is imported, for a minute or two: less without optimising. What users compiled stays as is.
os.environ.setdefault("NUMBA_OPT", "0")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).resolve().parent.parent / ".pytest_cache" / "numba"))

# under nohup the signal of a closed terminal is ignored, and so by every process that a test starts and hangs up on
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

NATIVE_PATHS = [*(path for path in native.paths() if path != native.REFERENCE)]
if NATIVE_PATHS:
    NATIVE_PATHS.append(fuse.EMULATED)
ALL_PATHS = [*NATIVE_PATHS, native.REFERENCE]


@pytest.fixture(params=ALL_PATHS)
def path(request) -> str:
    """Every kernel path, the emulated CUDA launch and the PyTorch reference."""
    return request.param


@pytest.fixture(params=NATIVE_PATHS)
def native_path(request) -> str:
    """Every native kernel path and the emulated CUDA launch: these agree bit for bit."""
    return request.param


def pytest_collection_modifyitems(items) -> None:
    """GPU tests are skipped without a GPU, unless FAIL_WITHOUT_CUDA promises that there is one."""
    if not any("needs_cuda" in item.keywords for item in items) or os.environ.get("FAIL_WITHOUT_CUDA"):
        return
    import torch

    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="no NVIDIA GPU (FAIL_WITHOUT_CUDA=1 makes this a failure)")
    for item in items:
        if "needs_cuda" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def training_data(tmp_path_factory):
    """A folder of generated photos in the layout of training data."""
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run_training(monkeypatch, capsys):
    """Runs a training script in this process, as its command line does, and gives back what it printed."""

    def call(module, **options) -> str:
        monkeypatch.setattr(sys, "argv", ["train", *command_line(options)])
        module.main()
        return capsys.readouterr().out

    return call


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """The address of a headless Chromium."""
    from browser import running_browser

    with running_browser(tmp_path_factory.mktemp("browser")) as address:
        yield address
