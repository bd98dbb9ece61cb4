"""Planes that lie on a GPU: from a decoder there to the networks there, from these to an encoder there, and to the host
only where somebody reads them.

PyAV hands the decoder's surface over by DLPack. It is copied on the GPU, chroma taken apart as the kernels want it, and
given back at once: decoders have few surfaces, and frames wait in queues. Encoders take the composite's own memory.
"""

from __future__ import annotations

from functools import cache, cached_property

import av
import numpy as np
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from .colour import ColourTags
from .yuv_planes import YuvPlanes


class DevicePlanes(YuvPlanes):
    """4:2:0 planes as `tensors`; `y` and `chroma` are copied to the host when they are read first."""

    def __init__(self, tensors: list[Tensor], tags: ColourTags):
        """`tensors`: Y [H, W], U and V [ceil(H/2), ceil(W/2)] uint8 on one device, complete."""
        object.__setattr__(self, "tensors", tensors)
        object.__setattr__(self, "tags", tags)
        object.__setattr__(self, "frame", None)

    @cached_property
    def _host(self) -> list[np.ndarray]:
        return [tensor.cpu().numpy() for tensor in self.tensors]

    @property
    def y(self) -> np.ndarray:
        return self._host[0]

    @property
    def chroma(self) -> tuple[np.ndarray, ...]:
        return tuple(self._host[1:])

    @property
    def size(self) -> tuple[int, int]:
        return tuple(self.tensors[0].shape)


def planes_on_device(frame: av.VideoFrame, tags: ColourTags) -> DevicePlanes:
    """A decoded NV12 frame, wherever it lies; the frame may go afterwards."""
    # from_dlpack(plane) itself would ask for a stream, which PyAV does not know of
    luma, chroma = (from_dlpack(plane.__dlpack__()) for plane in frame.planes)
    tensors = [luma.clone(), *(chroma[..., channel].contiguous() for channel in range(2))]
    if luma.is_cuda:  # copied by the device's own stream, as is what NVDEC gives
        torch.cuda.current_stream(luma.device).synchronize()
    return DevicePlanes(tensors, tags)


def frame_on_device(planes: DevicePlanes) -> av.VideoFrame:
    """An NV12 frame for an encoder on the planes' device; sides are even."""
    luma, u, v = planes.tensors
    chroma = torch.stack([u, v], -1)
    there = {}
    if luma.is_cuda:
        torch.cuda.current_stream(luma.device).synchronize()
        there = {"cuda_context": _torch_context(luma.device.index)}
    return av.VideoFrame.from_dlpack((luma, chroma), format="nv12", **there)


@cache
def _torch_context(device: int):
    """PyAV's name for the context that torch uses on a GPU, and that is current where torch has just been used. The
    primary one, PyAV's own choice, is the same, but FFmpeg refuses it with torch's flags."""
    from av.video.frame import CudaContext

    return CudaContext(device, primary_ctx=False, current_ctx=True)
