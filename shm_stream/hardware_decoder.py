"""Video decoded on a GPU (NVDEC and its like). Frames come back as NV12 planes in ordinary memory."""

from __future__ import annotations

from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from .errors import InputError


def decoder_settings(device: str) -> HWAccel:
    """What `av.open` takes for a kind of device, such as `cuda`: that one, or an error. Raises InputError."""
    known = hwdevices_available()
    if device not in known:
        raise InputError(f"no decoder for '{device}' is built in here; --hwaccel takes {', '.join(known) or 'nothing'}")
    return HWAccel(device_type=device, allow_software_fallback=False)


def cannot_decode(path: Path, device: str, error: Exception) -> InputError:
    """One line for what `av.open` raised. Without a GPU it says "Operation not permitted"."""
    if isinstance(error, RuntimeError):  # PyAV's own word, once the device is there or need not be
        return InputError(f"{device} cannot decode {path}; leave out --hwaccel")
    missing = isinstance(error, (av.ExternalError, OSError))
    reason = "its driver or the GPU is missing" if missing else error
    return InputError(f"{device} cannot be used ({reason}); leave out --hwaccel, or see shm-stream doctor")
