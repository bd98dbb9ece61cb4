"""Facts about this machine and this process, for reports of measurements."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

LIBRARIES = ("torch", "onnxruntime", "openvino", "av", "cv2", "numpy")
"""Those whose version can explain a speed."""


def processor() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """How many logical cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def loaded_versions() -> dict[str, str]:
    """Version of Python and of each of LIBRARIES that this process has imported."""
    loaded = {name: sys.modules[name].__version__ for name in LIBRARIES if name in sys.modules}
    return {"python": platform.python_version(), **loaded}


def rss_mb() -> float | None:
    """Resident memory of this process now, in MB (10^6 bytes); None where the system does not tell."""
    return _status_mb("VmRSS")


def peak_rss_mb() -> float | None:
    """The most resident memory this process ever had, in MB (10^6 bytes); None where the system does not tell."""
    # not getrusage on Linux: there, a process begins with the peak of the one that started it
    peak = _status_mb("VmHWM")
    return _rusage_mb() if peak is None else peak


def _status_mb(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return None


def _rusage_mb() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
