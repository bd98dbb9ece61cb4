"""Which compilers this machine has and what the SHM_* environment variables ask of them. Used by setup.py."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import shutil
import subprocess
from dataclasses import dataclass

DEFAULT_ARCHS = ("75", "80", "86", "89", "90", "100", "120")
NO_COMPILER = (
    "no C++ compiler found{}. Install one: `apt install g++` (Debian, Ubuntu), `dnf install gcc-c++` (Fedora), "
    "`xcode-select --install` (macOS), Visual Studio Build Tools with C++ (Windows). "
    "Or set SHM_NATIVE=0 for a much slower build without native code."
)


class BuildProblem(Exception):
    """The machine cannot build what was asked; the message is one line with the cure."""


@dataclass(frozen=True)
class Plan:
    """What will be built on this machine."""

    cxx: tuple[str, ...]
    """Command of the C++ compiler."""
    cxx_name: str
    msvc: bool
    avx2: bool
    nvcc: str | None
    archs: tuple[str, ...]
    """Compute capabilities of the CUDA code, oldest first; also PTX of the last, for later GPUs."""

    @property
    def info(self) -> str:
        paths = "avx512, avx2, baseline" if self.avx2 else "baseline"
        cuda = " ".join(f"sm_{arch}" for arch in self.archs) + f" + PTX {self.archs[-1]}" if self.nvcc else "none"
        return f"{self.cxx_name}; CPU paths: {paths}; CUDA: {cuda}"


def native_wanted() -> bool:
    """SHM_NATIVE=0 is the only way to get a build without native code."""
    value = os.environ.get("SHM_NATIVE", "1")
    if value not in ("0", "1"):
        raise BuildProblem(f"SHM_NATIVE must be 0 or 1, not {value!r}")
    return value == "1"


@functools.cache
def plan() -> Plan:
    """Look at the machine and the environment; nothing is compiled here."""
    msvc = os.name == "nt"
    cxx = ("cl",) if msvc else _find_cxx()
    nvcc = _find_nvcc()
    return Plan(cxx, "MSVC" if msvc else _cxx_name(cxx), msvc, _targets_x86(), nvcc, _cuda_archs(nvcc) if nvcc else ())


def _targets_x86() -> bool:
    """64-bit x86 and nothing else; macOS universal builds (ARCHFLAGS) get the baseline only."""
    machine = platform.machine().lower()
    return machine in ("x86_64", "amd64") and "arm64" not in os.environ.get("ARCHFLAGS", "")


def _find_cxx() -> tuple[str, ...]:
    asked = os.environ.get("CXX")
    if asked:
        command = shlex.split(asked)
        if not shutil.which(command[0]):
            raise BuildProblem(NO_COMPILER.format(f" (CXX={asked} does not exist)"))
        return tuple(command)
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return (name,)
    raise BuildProblem(NO_COMPILER.format(""))


def _cxx_name(cxx: tuple[str, ...]) -> str:
    shown = subprocess.run([*cxx, "--version"], capture_output=True, text=True)
    if shown.returncode != 0 or not shown.stdout:
        raise BuildProblem(NO_COMPILER.format(f" ({shlex.join(cxx)} --version fails)"))
    return shown.stdout.splitlines()[0].strip()


def _find_nvcc() -> str | None:
    wanted = os.environ.get("SHM_CUDA", "auto")
    if wanted not in ("0", "1", "auto"):
        raise BuildProblem(f"SHM_CUDA must be 0, 1 or auto, not {wanted!r}")
    if wanted == "0":
        return None
    found = shutil.which(os.environ.get("NVCC", "nvcc"))
    if found is None and wanted == "1":
        raise BuildProblem("SHM_CUDA=1 but nvcc is not on PATH; install the CUDA toolkit or set NVCC=/path/to/nvcc")
    return found


def _cuda_archs(nvcc: str) -> tuple[str, ...]:
    """SHM_CUDA_ARCHS as given, or those of the default list that this nvcc can compile for."""
    asked = os.environ.get("SHM_CUDA_ARCHS")
    if asked is not None:
        archs = {arch.strip() for arch in asked.split(",")}
        if not all(arch.isdigit() for arch in archs):
            raise BuildProblem(f"SHM_CUDA_ARCHS must look like 80,90, not {asked!r}")
        return tuple(sorted(archs, key=int))
    listing = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True)
    known = listing.stdout.split()
    archs = tuple(arch for arch in DEFAULT_ARCHS if f"sm_{arch}" in known)
    if listing.returncode != 0 or not archs:
        raise BuildProblem(f"{nvcc} does not work or knows none of our GPUs; set SHM_CUDA_ARCHS, NVCC or SHM_CUDA=0")
    return archs
