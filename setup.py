"""Builds the native extension and puts the weights into the package. Everything else is in pyproject.toml.

SHM_NATIVE=0      no native code (slow PyTorch reference only)
SHM_CUDA=0|1      leave CUDA out | fail when nvcc is missing (default: CUDA when nvcc is on PATH)
SHM_CUDA_ARCHS    compute capabilities, e.g. 80,90
CXX, NVCC         compilers
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "csrc"))  # isolated builds do not have the project folder on the path

import build_native  # noqa: E402
import toolchain  # noqa: E402


class BuildPython(build_py):
    """Also writes `_build_info.py` and, outside editable installs, copies weights/ to shm_stream/_weights."""

    def run(self) -> None:
        super().run()
        package = ROOT / "shm_stream" if self.editable_mode else Path(self.build_lib) / "shm_stream"
        package.mkdir(parents=True, exist_ok=True)
        (package / "_build_info.py").write_text(build_info())
        if not self.editable_mode:
            copy_weights(package / "_weights")


def build_info() -> str:
    native = toolchain.native_wanted()
    info = toolchain.plan().info if native else "no native code (built with SHM_NATIVE=0)"
    return f'"""Written by the build: what was built."""\n\nNATIVE = {native}\nINFO = {info!r}\n'


def copy_weights(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)  # a file removed from weights/ must not survive in an old build folder
    target.mkdir(parents=True)
    for pattern in ("*.safetensors", "*.onnx", "*.json", "*.md"):
        for path in sorted((ROOT / "weights").glob(pattern)):
            shutil.copy2(path, target / path.name)


class BuildNative(build_ext):
    """Hands the one extension to ninja."""

    def build_extension(self, ext: Extension) -> None:
        import pybind11

        target = Path(self.get_ext_fullpath(ext.name))
        folders = [pybind11.get_include()], list(self.library_dirs or [])
        build_native.build(toolchain.plan(), target, Path(self.build_temp), *folders)


def main() -> None:
    native = toolchain.native_wanted()
    if not native:
        print("shm-stream: building without native code (SHM_NATIVE=0)", flush=True)
    setup(
        ext_modules=[Extension("shm_stream._native", sources=[])] if native else [],
        cmdclass={"build_py": BuildPython, "build_ext": BuildNative},
    )


try:
    main()
except toolchain.BuildProblem as problem:
    sys.exit(f"error: shm-stream: {problem}")
