"""`fuse` on torch tensors in 4:2:0, as `torch.ops.shm_stream.fuse_composite_planes` and `.gather_planes`.

Like `torch_ops`, for pictures that are lists of three uint8 tensors: Y [H, W] and U, V [ceil(H/2), ceil(W/2)].
Not differentiable: training works on RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import fuse, fuse_reference, native
from .colour import ColourTags
from .fuse_arguments import ABSENT, matrix_numbers
from .torch_operator import operator
from .torch_ops import (
    CUDA_REFERENCE,
    check_alphas,
    check_logits,
    check_tensor,
    check_window,
    cuda_path,
    on_stream,
    plane_of,
)
from .yuv_planes import YuvPlanes, site_count, unit_matrix

SAME = ColourTags()
"""Stands for whatever matrix and range the pictures of a composite have: it does not depend on them."""


@operator(
    "fuse_composite_planes(Tensor logits, Tensor alpha_raw, Tensor[] frame, Tensor[] background)"
    " -> (Tensor, Tensor, Tensor, Tensor)"
)
def fuse_composite_planes(
    logits: Tensor, alpha_raw: Tensor, frame: list[Tensor], background: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(Y, U, V of the composite, alpha [H, W] float32) of logits [3, h, w] and alpha_raw [H, W] float32 and two
    pictures of one matrix and range."""
    _check_fuse(logits, alpha_raw, frame, background)
    outputs = _fuse_outputs(alpha_raw)
    pictures = [numpy_planes(planes) for planes in (frame, background, outputs[:3])]
    arrays = (logits.detach().contiguous().numpy(), alpha_raw.detach().contiguous().numpy(), *pictures[:2])
    fuse.fuse_composite(*arrays, composite=pictures[2], alpha=outputs[3].numpy())
    return outputs


@fuse_composite_planes.cuda
def _fuse_composite_planes_cuda(logits: Tensor, alpha_raw: Tensor, frame: list[Tensor], background: list[Tensor]):
    _check_fuse(logits, alpha_raw, frame, background)
    if cuda_path() == CUDA_REFERENCE:
        alpha = fuse_reference.fuse_alpha(logits, alpha_raw)
        return *fuse_reference.composite_planes(alpha, frame, background), alpha
    return launch_fuse_planes(on_stream(native.load().fuse_cuda, logits), logits, alpha_raw, frame, background)


def launch_fuse_planes(launch: Callable, logits: Tensor, alpha_raw: Tensor, frame, background):
    """Allocate the outputs and call `launch` with the kernel's arguments from `logits` on."""
    logits, alpha_raw = logits.contiguous(), alpha_raw.contiguous()
    frame, background = ([plane.contiguous() for plane in planes] for planes in (frame, background))
    outputs = _fuse_outputs(alpha_raw)
    pictures = [(*map(plane_of, planes), 1) for planes in (frame, background, outputs[:3])]
    sizes = (tuple(logits.shape[1:]), tuple(alpha_raw.shape))
    launch(logits.data_ptr(), *sizes, plane_of(alpha_raw), *pictures, plane_of(outputs[3]), ABSENT)
    return outputs


@fuse_composite_planes.fake
def _fuse_composite_planes_fake(logits: Tensor, alpha_raw: Tensor, frame: list[Tensor], background: list[Tensor]):
    return _fuse_outputs(alpha_raw)


@operator(
    "gather_planes(Tensor[] frame, SymInt matrix, SymInt colour_range, Tensor logits,"
    " SymInt top, SymInt left, SymInt height, SymInt width) -> Tensor"
)
def gather_planes(
    frame: list[Tensor], matrix: int, colour_range: int, logits: Tensor, top: int, left: int, height: int, width: int
) -> Tensor:
    """M-Net's input [6, height, width] float32; `matrix` and `colour_range` are those of `ColourTags`."""
    _check_gather(frame, logits, height, width)
    planes = numpy_planes(frame, ColourTags(matrix, colour_range))
    out = logits.new_empty((6, height, width))
    fuse.gather(planes, logits.detach().contiguous().numpy(), top, left, height, width, out=out.numpy())
    return out


@gather_planes.cuda
def _gather_planes_cuda(
    frame: list[Tensor], matrix: int, colour_range: int, logits: Tensor, top: int, left: int, height: int, width: int
) -> Tensor:
    _check_gather(frame, logits, height, width)
    tags, window = ColourTags(matrix, colour_range), (top, left, height, width)
    if cuda_path() == CUDA_REFERENCE:
        numbers = torch.from_numpy(unit_matrix(tags)).to(logits.device)
        return fuse_reference.gather_planes_window(frame, numbers, logits, *window)
    return launch_gather_planes(on_stream(native.load().gather_cuda, logits), frame, tags, logits, *window)


def launch_gather_planes(launch: Callable, frame, tags: ColourTags, logits: Tensor, top, left, height, width):
    """Allocate the output and call `launch` with the kernel's arguments from `logits` on."""
    frame, logits = [plane.contiguous() for plane in frame], logits.contiguous()
    out = logits.new_empty((6, height, width))
    picture, sizes = (*map(plane_of, frame), 1), (tuple(frame[0].shape), (top, left), (height, width))
    launch(logits.data_ptr(), tuple(logits.shape[1:]), picture, *sizes, out.data_ptr(), matrix_numbers(tags))
    return out


@gather_planes.fake
def _gather_planes_fake(
    frame: list[Tensor], matrix: int, colour_range: int, logits: Tensor, top: int, left: int, height: int, width: int
) -> Tensor:
    return logits.new_empty((6, height, width))


def _fuse_outputs(alpha_raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height, width = alpha_raw.shape
    sites = (site_count(height), site_count(width))
    shapes = ((height, width), sites, sites)
    return *(alpha_raw.new_empty(shape, dtype=torch.uint8) for shape in shapes), alpha_raw.new_empty((height, width))


def numpy_planes(planes, tags: ColourTags = SAME) -> YuvPlanes:
    """Views of three tensors on the CPU, or copies of what is not contiguous."""
    luma, *chroma = (plane.contiguous().numpy() for plane in planes)
    return YuvPlanes(luma, tuple(chroma), tags)


def _check_fuse(logits: Tensor, alpha_raw: Tensor, frame: list[Tensor], background: list[Tensor]) -> None:
    check_alphas(logits, alpha_raw)
    for name, planes in (("frame", frame), ("background", background)):
        check_planes(name, planes, tuple(alpha_raw.shape), alpha_raw.device)


def _check_gather(frame: list[Tensor], logits: Tensor, height: int, width: int) -> None:
    if not frame or frame[0].ndim != 2 or 0 in frame[0].shape:
        raise ValueError("frame must be Y [H, W] with at least one pixel, U and V")
    check_planes("frame", frame, tuple(frame[0].shape), logits.device)
    check_logits(logits, logits.device, frame[0].shape)
    check_window(height, width)


def check_planes(name: str, planes: list[Tensor], size: tuple[int, int], device: torch.device) -> None:
    """Raises TypeError or ValueError for what is not Y of `size`, U and V on the device."""
    if len(planes) != 3:
        raise ValueError(f"{name} must be three tensors Y, U, V, got {len(planes)}")
    sites = (site_count(size[0]), site_count(size[1]))
    for part, plane, shape in zip("YUV", planes, (size, sites, sites), strict=True):
        check_tensor(f"{part} of {name}", plane, torch.uint8, shape, device)
