"""Pictures on a GPU, one tensor [H, W, 3] of RGB or three of planes Y, U, V: their way there, the kernels for either,
and their way back.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import torch_ops, torch_ops_planes, torch_ops_prepare
from .colour import ColourTags
from .device_planes import DevicePlanes
from .fuse_arguments import Picture
from .yuv_planes import YuvPlanes


def arrays_of(picture: Picture) -> list[np.ndarray]:
    """What is uploaded of a picture; interleaved chroma comes apart."""
    return [picture.y, picture.u, picture.v] if isinstance(picture, YuvPlanes) else [picture]


class Transfer:
    """Copies on the current stream, by pinned memory."""

    def __init__(self, device: torch.device):
        self._device = device
        self._kept: tuple[Picture, list[Tensor]] | None = None

    def upload(self, array: np.ndarray) -> Tensor:
        host = torch.from_numpy(np.ascontiguousarray(array))
        if self._device.type == "cuda":
            host = host.pin_memory()
        return host.to(self._device, non_blocking=True)

    def upload_picture(self, picture: Picture) -> list[Tensor]:
        if isinstance(picture, DevicePlanes):
            return [tensor.to(self._device) for tensor in picture.tensors]
        return [self.upload(array) for array in arrays_of(picture)]

    def keep(self, background: Picture) -> list[Tensor]:
        """Still backgrounds are one picture for all frames and uploaded once."""
        if self._kept is None or self._kept[0] is not background:
            self._kept = (background, self.upload_picture(background))
        return self._kept[1]

    def download(self, tensor: Tensor) -> np.ndarray:
        """The array is complete once an event recorded after this call has passed."""
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=self._device.type == "cuda")
        host.copy_(tensor, non_blocking=True)
        return host.numpy()

    def download_picture(self, picture: list[Tensor], tags: ColourTags | None) -> Picture:
        """`upload_picture` undone; `tags` are those of planes. Complete like `download`."""
        arrays = [self.download(tensor) for tensor in picture]
        return arrays[0] if len(arrays) == 1 else YuvPlanes(arrays[0], tuple(arrays[1:]), tags)


def prepare(frame: list[Tensor], tags: ColourTags | None, height: int, width: int) -> Tensor:
    """[height, width, 3] uint8 RGB: the frame at T-Net's size."""
    tags = tags or ColourTags()
    return torch_ops_prepare.prepare_frame(frame, tags.matrix, tags.range, height, width)


def gather(frame: list[Tensor], tags: ColourTags | None, logits: Tensor, *window: int) -> Tensor:
    """M-Net's input [6, height, width] float32 for the window (top, left, height, width)."""
    if len(frame) == 1:
        return torch_ops.gather(frame[0], logits, *window)
    return torch_ops_planes.gather_planes(frame, tags.matrix, tags.range, logits, *window)


def fuse_composite(
    logits: Tensor, alpha_raw: Tensor, frame: list[Tensor], background: list[Tensor]
) -> tuple[list[Tensor], Tensor]:
    """(composite, alpha [H, W] float32) of pictures of one kind."""
    if len(frame) == 1:
        composite, alpha = torch_ops.fuse_composite(logits, alpha_raw, frame[0], background[0])
        return [composite], alpha
    *composite, alpha = torch_ops_planes.fuse_composite_planes(logits, alpha_raw, frame, background)
    return composite, alpha
