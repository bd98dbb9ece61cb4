"""Video decoded on a GPU (NVDEC and its like). Frames come back as NV12 planes in ordinary memory, or stay there."""

from __future__ import annotations

from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from .errors import InputError

STAYS = "cuda"
"""The device whose frames PyAV can hand over where they are, from its version 17 on."""


def frames_can_stay(device: str | None) -> bool:
    """Whether what this kind of device decodes can be used where it is."""
    return device == STAYS and hasattr(av.VideoFrame, "sw_format") and hasattr(av.video.plane.VideoPlane, "__dlpack__")


def decoder_settings(device: str, stay: bool = False) -> HWAccel:
    """What `av.open` takes for a kind of device, such as `cuda`: that one, or an error. `stay`: frames are left there.

    Raises InputError.
    """
    known = hwdevices_available()
    if device not in known:
        raise InputError(f"no decoder for '{device}' is built in here; --hwaccel takes {', '.join(known) or 'nothing'}")
    owned = {"is_hw_owned": True, "options": _torch_context()} if stay else {}
    return HWAccel(device_type=device, allow_software_fallback=False, **owned)


def _torch_context() -> dict[str, str]:
    """Has FFmpeg work in torch's context, which becomes that of the calling thread.

    Kernels cannot read the memory of a context of FFmpeg's own. PyAV would ask for the device's primary context: that
    is torch's, but FFmpeg wants it with other flags and refuses it once torch has begun to use it.
    """
    import torch

    torch.cuda.synchronize(STAYS)  # a thread that has only taken memory from torch has no context yet
    return {"primary_ctx": "0", "current_ctx": "1"}


def cannot_decode(path: Path, device: str, error: Exception | None = None) -> InputError:
    """One line for what `av.open` raised, or for a device that opened the file and decodes nothing of it. Without a GPU
    `av.open` says "Operation not permitted"."""
    if error is None or isinstance(error, RuntimeError):  # PyAV's own word, once the device is there or need not be
        return InputError(f"{device} cannot decode {path}; leave out --hwaccel")
    missing = isinstance(error, (av.ExternalError, OSError))
    reason = "its driver or the GPU is missing" if missing else error
    return InputError(f"{device} cannot be used ({reason}); leave out --hwaccel, or see shm-stream doctor")
