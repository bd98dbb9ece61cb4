"""`prepare` on torch tensors, as `torch.ops.shm_stream.prepare`. Not differentiable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import native, prepare, prepare_reference
from .colour import ColourTags
from .fuse_arguments import ABSENT, matrix_numbers
from .torch_operator import operator
from .torch_ops import CUDA_REFERENCE, check_tensor, cuda_path, on_stream, plane_of
from .torch_ops_planes import check_planes, numpy_planes
from .yuv_planes import unit_matrix


@operator("prepare(Tensor[] frame, SymInt matrix, SymInt colour_range, SymInt height, SymInt width) -> Tensor")
def prepare_frame(frame: list[Tensor], matrix: int, colour_range: int, height: int, width: int) -> Tensor:
    """[height, width, 3] uint8 RGB of a frame, one tensor [H, W, 3] or three of planes Y, U, V, all uint8; `matrix` and
    `colour_range` are those of `ColourTags`, and of no interest for RGB."""
    _check(frame, height, width)
    tags = ColourTags(matrix, colour_range)
    picture = numpy_planes(frame, tags) if len(frame) == 3 else frame[0].contiguous().numpy()
    return torch.from_numpy(prepare.prepare(picture, height, width))


@prepare_frame.cuda
def _prepare_cuda(frame: list[Tensor], matrix: int, colour_range: int, height: int, width: int) -> Tensor:
    _check(frame, height, width)
    tags = ColourTags(matrix, colour_range)
    if cuda_path() != CUDA_REFERENCE:
        return launch_prepare(on_stream(native.load().prepare_cuda, frame[0]), frame, tags, height, width)
    if len(frame) == 1:
        return prepare_reference.prepare_rgb(frame[0], height, width)
    numbers = torch.from_numpy(unit_matrix(tags)).to(frame[0].device)
    return prepare_reference.prepare_planes(frame, numbers, height, width)


def launch_prepare(launch: Callable, frame: list[Tensor], tags: ColourTags, height: int, width: int) -> Tensor:
    """Allocate the output and call `launch` with the kernel's arguments from the frame on."""
    frame = [plane.contiguous() for plane in frame]
    out = _output(frame, height, width)
    planar = len(frame) == 3
    picture = (*map(plane_of, frame), 1) if planar else (plane_of(frame[0]), ABSENT, ABSENT, 0)
    numbers = matrix_numbers(tags if planar else None)
    launch(picture, tuple(frame[0].shape[:2]), plane_of(out), (height, width), numbers)
    return out


@prepare_frame.fake
def _prepare_fake(frame: list[Tensor], matrix: int, colour_range: int, height: int, width: int) -> Tensor:
    return _output(frame, height, width)


def _output(frame: list[Tensor], height: int, width: int) -> Tensor:
    return frame[0].new_empty((height, width, 3))


def _check(frame: list[Tensor], height: int, width: int) -> None:
    if len(frame) == 1:
        check_tensor("frame", frame[0], torch.uint8, (*frame[0].shape[:2], 3), frame[0].device)
    else:
        check_planes("frame", frame, tuple(frame[0].shape), frame[0].device)
    prepare.check_sizes(tuple(frame[0].shape[:2]), (height, width))
