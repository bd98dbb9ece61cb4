"""Checks of what every job needs: kernels, networks, weights, FFmpeg; and of the GPU."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

from . import native, weights
from .device import missing_for_cuda
from .doctor import ABSENT, BROKEN, OK, Check
from .errors import InputError
from .runners import RUNNERS, load_runner

PACKAGES = {"native": "onnxruntime"}
"""What a runner needs, where that has another name: T-Net of the native one runs in onnxruntime."""
REINSTALL = "in the folder of shm-stream: pip install --force-reinstall --no-deps ."


def check_kernels() -> Check:
    """The native extension, and which of its paths is taken."""
    try:
        chosen = native.path_name()
    except InputError as error:
        return Check("kernels", BROKEN, str(error), REINSTALL)
    if chosen == native.REFERENCE:
        cure = f"unset SHM_STREAM_CPU SHM_NATIVE; {REINSTALL}"
        return Check("kernels", OK, f"{chosen} in use, which is slow; {native.build_info()}", cure)
    return Check("kernels", OK, f"{chosen} in use; built by {native.build_info()}")


def check_weights() -> Check:
    """Every installed weight file against its checksum."""
    try:
        presets = weights.manifest()
        files = [weights.find(name, preset) for preset, facts in presets.items() for name in facts["files"]]
    except InputError as error:
        cure = f"unset {weights.FOLDER_VARIABLE}" if os.environ.get(weights.FOLDER_VARIABLE) else REINSTALL
        return Check("weights", BROKEN, str(error), cure)
    return Check("weights", OK, f"{', '.join(presets)}: {len(files)} files in {weights.folder()}, checksums right")


def check_networks() -> Check:
    """Loads what a job on this machine's CPU would, and runs T-Net once."""
    import numpy as np

    try:
        runner = load_runner()
        logits = runner.tnet(np.zeros((1, 4, 256, 256), np.float32))
    except (InputError, RuntimeError) as error:
        return Check("networks", BROKEN, str(error))
    if not np.isfinite(logits).all():
        return Check("networks", BROKEN, f"{runner.name} computes wrong numbers", REINSTALL)
    return Check("networks", OK, f"{_runner(runner.name)} on {runner.device}, tried with one picture")


def check_runners() -> Check:
    """What could run the networks instead."""
    missing = [_package(name) for name in RUNNERS if _version(name) is None]
    found = ", ".join(_runner(name) for name in RUNNERS if _version(name) is not None)
    cure = f"pip install {' '.join(dict.fromkeys(missing))}" if missing else None
    return Check("runners", OK if not missing else ABSENT, found or "none", cure)


def check_gpu() -> Check:
    """CUDA, as `--device cuda` would find it."""
    missing = missing_for_cuda()
    if missing:
        return Check("GPU", ABSENT, f"{missing}; jobs run on the CPU", "install the NVIDIA driver, if there is a GPU")
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Check("GPU", OK, f"{', '.join(names)}; CUDA {torch.version.cuda}")


def check_media() -> Check:
    """FFmpeg's libraries inside PyAV, and the usual encoders."""
    import av

    wanted = ("libx264", "prores_ks", "libvpx-vp9", "ffv1")
    missing = [name for name in wanted if name not in av.codecs_available]
    libraries = ".".join(str(part) for part in av.library_versions["libavcodec"])
    found = f"PyAV {av.__version__}, libavcodec {libraries}"
    if missing:
        return Check("media", BROKEN, f"{found} without {', '.join(missing)}", "pip install --force-reinstall av")
    return Check("media", OK, f"{found} with {', '.join(wanted)}")


def _package(runner: str) -> str:
    return PACKAGES.get(runner, runner)


def _version(runner: str) -> str | None:
    try:
        return version(_package(runner))
    except PackageNotFoundError:
        return None


def _runner(name: str) -> str:
    """`torch 2.13.0`, `native with onnxruntime 1.32.0`."""
    package = _package(name)
    return f"{package} {_version(name)}" if package == name else f"{name} with {package} {_version(name)}"


CHECKS = (check_kernels, check_weights, check_networks, check_runners, check_media, check_gpu)
