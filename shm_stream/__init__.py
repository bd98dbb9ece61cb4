"""Human matting for files and streams: `Matting`, `matte_video`, and the command `shm-stream`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from .errors import InputError, ShmStreamError, WeightsError

_LAZY = {
    "Controls": ".controls",
    "Matting": ".matting_api",
    "VideoMatting": ".matting_api",
    "matte_video": ".matting_api",
    "LiveOptions": ".live_options",
    "Report": ".job",
    "Trimap": ".trimap",
    "estimate_foreground": ".foreground",
    "fuse_composite": ".fuse",
}

__all__ = ["InputError", "ShmStreamError", "WeightsError", "__version__", *_LAZY]

try:
    __version__ = version("shm-stream")
except PackageNotFoundError:  # run from a folder that was never installed
    __version__ = "unknown"


def __getattr__(name: str):
    """Public names are imported when first used, so that `import shm_stream` costs next to nothing."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
