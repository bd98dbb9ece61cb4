"""A frame at T-Net's size: every pixel the mean of the area it covers. numpy in and out, on the CPU.

All native paths give the same bits; `prepare_reference` is the same in PyTorch and within one 8-bit step.
"""

from __future__ import annotations

import numpy as np

from . import fuse_arguments as arguments
from . import native
from .array_checks import check_array
from .fuse import CUDA_BLOCK, EMULATED, choose_path
from .fuse_arguments import MAX_SIDE, Picture
from .yuv_planes import picture_size


def prepare(
    frame: Picture,
    height: int,
    width: int,
    *,
    out: np.ndarray | None = None,
    path: str | None = None,
    threads: int = 1,
    block: tuple[int, int] = CUDA_BLOCK,
) -> np.ndarray:
    """[height, width, 3] uint8 RGB: the frame reduced, each plane averaged in float32 and rounded once.

    Output pixel i of n covers [i·N/n, (i + 1)·N/n) of N pixels, the first and the last of them in part. Chroma that is
    smaller than the output repeats its samples. Colours are converted after that and clamped.

    frame   [H, W, 3] uint8 RGB or YuvPlanes, rows may be apart; at least `height` x `width` pixels
    out     [height, width, 3] uint8, pixels side by side, written and returned; a new array when None
    path, threads, block and the errors are those of `fuse_composite`.
    """
    size = picture_size(frame)
    check_sizes(size, (height, width))
    arguments.check_picture("frame", frame, size)
    if out is None:
        out = np.empty((height, width, 3), np.uint8)
    check_array("out", out, np.uint8, (height, width, 3), written=True)
    arguments.check_apart({"out": out}, {"frame": frame})
    path, module = choose_path(path, threads)
    if path == native.REFERENCE:
        from . import prepare_reference

        prepare_reference.prepare_into(frame, out)
        return out
    matrix = arguments.matrix_numbers(getattr(frame, "tags", None))
    call = (arguments.picture_pointers(frame), size, arguments.pointer(out), (height, width), matrix)
    if path == EMULATED:
        module.prepare_emulated(block, *call)
    else:
        module.prepare(path, threads, *call)
    return out


def reduces(size: tuple[int, int], height: int, width: int) -> bool:
    """Whether a frame of `size` (H, W) is large enough for `prepare`."""
    return 0 < height <= size[0] and 0 < width <= size[1]


def check_sizes(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Raises ValueError where `prepare` would not reduce."""
    if not reduces(size, *wanted) or max(size) > MAX_SIDE:
        raise ValueError(f"cannot reduce {size} to {wanted}: sides must be 1 to those of the frame, at most {MAX_SIDE}")
