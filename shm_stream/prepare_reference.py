"""`prepare` in plain PyTorch: what the native code is compared with, and what runs without it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .fuse_arguments import Picture
from .fuse_reference import plane_tensors, to_bytes
from .yuv_planes import YuvPlanes, unit_matrix


def area_weights(source: int, size: int, *, dtype=torch.float32, device=None) -> Tensor:
    """[size, source]: the share of each source pixel in each output pixel."""
    edges = torch.arange(size + 1, dtype=torch.float64, device=device) * source / size
    positions = torch.arange(source, dtype=torch.float64, device=device)
    ends = torch.minimum(edges[1:, None], positions + 1)
    covered = (ends - torch.maximum(edges[:-1, None], positions)).clamp(min=0)
    return (covered * size / source).to(dtype)


def area_mean(plane: Tensor, height: int, width: int) -> Tensor:
    """[..., H, W] uint8 → [..., height, width] float32."""
    rows = area_weights(plane.shape[-2], height, device=plane.device)
    columns = area_weights(plane.shape[-1], width, device=plane.device)
    return rows @ plane.float() @ columns.T


def prepare_rgb(frame: Tensor, height: int, width: int) -> Tensor:
    """[H, W, 3] uint8 → [height, width, 3] uint8."""
    return to_bytes(area_mean(frame.permute(2, 0, 1), height, width)).permute(1, 2, 0).contiguous()


def prepare_planes(planes: list[Tensor], matrix: Tensor, height: int, width: int) -> Tensor:
    """Y [H, W], U, V [ceil(H/2), ceil(W/2)] uint8 → RGB; `matrix` [3, 4] is `yuv_planes.unit_matrix`."""
    luma, u, v = (area_mean(plane, height, width) for plane in planes)
    numbers = torch.stack([luma, 16 * u, 16 * v, torch.ones_like(luma)])
    colours = torch.einsum("ck,khw->hwc", matrix, numbers)
    return to_bytes(255 * colours.clamp(0, 1)).contiguous()


@torch.no_grad()
def prepare_into(frame: Picture, out: np.ndarray) -> None:
    """`prepare.prepare` on checked numpy arrays and YuvPlanes."""
    if isinstance(frame, YuvPlanes):
        matrix = torch.from_numpy(unit_matrix(frame.tags))
        out[...] = prepare_planes(plane_tensors(frame), matrix, *out.shape[:2]).numpy()
    else:
        out[...] = prepare_rgb(torch.from_numpy(np.ascontiguousarray(frame)), *out.shape[:2]).numpy()
