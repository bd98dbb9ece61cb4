"""The two per-pixel operations: fusion with compositing, and the input of M-Net. numpy in and out, on the CPU.

Both read T-Net's logits at reduced size and sample them bilinearly. What non-finite numbers mean is fixed:
a logit is clamped to ±1e4 before sampling and NaN counts as -1e4 ("this class is impossible"; three NaN give 1/3 each);
alpha_raw is clamped to 0..1 and NaN counts as 0.
All native paths give the same bits; `fuse_reference` is the same in PyTorch and within one 8-bit step.
"""

from __future__ import annotations

import numpy as np

from . import fuse_arguments as arguments
from . import native
from .array_checks import check_array, describe
from .fuse_arguments import MAX_SIDE, Picture
from .native import paths
from .yuv_planes import YuvPlanes

__all__ = ["emulate_cuda", "fuse_composite", "gather", "paths"]

EMULATED = "emulated"
"""Path name for tests: the CUDA kernels' code, run thread by thread on the CPU."""
CUDA_BLOCK = (8, 32)
"""Height and width of a CUDA block in the real launch."""


def fuse_composite(
    logits: np.ndarray,
    alpha_raw: np.ndarray,
    frame: Picture | None = None,
    background: Picture | None = None,
    *,
    composite: Picture | None = None,
    alpha: np.ndarray | None = None,
    alpha8: np.ndarray | None = None,
    path: str | None = None,
    threads: int = 1,
    block: tuple[int, int] = CUDA_BLOCK,
) -> None:
    """alpha = F_s + U_s * alpha_raw and composite = alpha * frame + (1 - alpha) * background, in one pass.

    F_s and U_s are the softmax of the sampled logits (equation 2 of the Semantic Human Matting paper).

    logits      [3, h, w] float32, contiguous; foreground, background, unknown
    alpha_raw   [H, W] float32 in 0..1
    frame, background   [H, W, 3] uint8 RGB or YuvPlanes, needed for composite
    composite   what they are, written: [H, W, 3] uint8, or planes with U and V apart and the same matrix and range
    alpha       [H, W] float32 in 0..1, written
    alpha8      [H, W] uint8, alpha in 0..255, written
    path        overrides the kernel path (see `paths`); "emulated" runs the CUDA code on the CPU in blocks of `block`
    threads     rows are split over this many threads

    Chroma is composited with the mean alpha of its 2x2 site.

    Give at least one output; outputs must not overlap anything. Rows may be apart (views of a larger array), pixels
    not. Raises TypeError for a wrong dtype, ValueError for a wrong shape, layout or path. Releases the GIL.
    """
    size = arguments.check_alpha_raw(alpha_raw)
    arguments.check_logits(logits, size)
    outputs = {"composite": composite, "alpha": alpha, "alpha8": alpha8}
    if all(array is None for array in outputs.values()):
        raise ValueError("give at least one of composite, alpha, alpha8 to write to")
    arguments.check_alphas(outputs, size)
    if composite is None:
        frame = background = None
    else:
        arguments.check_composite(frame, background, composite, size)
    inputs = {"logits": logits, "alpha_raw": alpha_raw, "frame": frame, "background": background}
    arguments.check_apart(outputs, inputs)
    path, module = choose_path(path, threads)
    if path == native.REFERENCE:
        from . import fuse_reference

        fuse_reference.fuse_into(logits, alpha_raw, frame, background, composite, alpha, alpha8)
        return
    pictures = [arguments.picture_pointers(picture) for picture in (frame, background, composite)]
    planes = arguments.pointer(alpha_raw), *pictures, arguments.pointer(alpha), arguments.pointer(alpha8)
    call = (logits.ctypes.data, logits.shape[1:], size, *planes)
    if path == EMULATED:
        module.fuse_emulated(block, *call)
    else:
        module.fuse_composite(path, threads, *call)


def gather(
    frame: Picture,
    logits: np.ndarray,
    top: int,
    left: int,
    height: int,
    width: int,
    *,
    out: np.ndarray | None = None,
    path: str | None = None,
    threads: int = 1,
    block: tuple[int, int] = CUDA_BLOCK,
) -> np.ndarray:
    """M-Net's input for the window (top, left, height, width) of a frame: [6, height, width] float32.

    Channels 0-2 are frame / 255 (RGB), 3-5 the softmax of the sampled logits in the order of `Trimap`.
    The window may reach outside the frame, where the frame's edge is repeated (halos and padding).

    frame   [H, W, 3] uint8 RGB or YuvPlanes, rows may be apart; at least one pixel. Chroma is interpolated bilinearly
            about the middle of its sites and colours are not rounded, only clamped to 0..1
    logits  [3, h, w] float32, contiguous
    out     [6, height, width] float32, contiguous, written and returned; a new array when None
    path, threads, block and the errors are those of `fuse_composite`.
    """
    size = _frame_size(frame)
    arguments.check_picture("frame", frame, size)
    arguments.check_logits(logits, size)
    if not (0 <= height <= MAX_SIDE and 0 <= width <= MAX_SIDE and max(abs(top), abs(left)) <= MAX_SIDE):
        raise ValueError(f"the window ({top=}, {left=}, {height=}, {width=}) is out of range (0..{MAX_SIDE})")
    if out is None:
        out = np.empty((6, height, width), np.float32)
    check_array("out", out, np.float32, (6, height, width), written=True, contiguous=True)
    arguments.check_apart({"out": out}, {"frame": frame, "logits": logits})
    path, module = choose_path(path, threads)
    if path == native.REFERENCE:
        from . import fuse_reference

        fuse_reference.gather_into(frame, logits, top, left, out)
        return out
    window = ((top, left), (height, width), out.ctypes.data, arguments.matrix_numbers(getattr(frame, "tags", None)))
    call = (logits.ctypes.data, logits.shape[1:], arguments.picture_pointers(frame), size, *window)
    if path == EMULATED:
        module.gather_emulated(block, *call)
    else:
        module.gather(path, threads, *call)
    return out


def emulate_cuda(*args, block: tuple[int, int] = CUDA_BLOCK, **kwargs) -> None:
    """`fuse_composite` as the CUDA kernel computes it, in blocks of `block` = (height, width) threads; for tests."""
    fuse_composite(*args, **kwargs, path=EMULATED, block=block)


def choose_path(path: str | None, threads: int):
    """(path name, compiled module or None). Raises ValueError for a path this machine does not have."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    path = native.path_name() if path is None else path
    module = native.load()
    if path != EMULATED or module is None:
        available = native.paths()
        if path not in available:
            raise ValueError(f"kernel path {path!r} cannot be used here; choose one of {', '.join(available)}")
    return path, module


def _frame_size(frame: Picture) -> tuple[int, int]:
    """(H, W). Raises ValueError for what has no pixels."""
    pixels, shape = (frame.y, "[H, W]") if isinstance(frame, YuvPlanes) else (frame, "[H, W, 3]")
    if not isinstance(pixels, np.ndarray) or pixels.ndim != shape.count(",") + 1 or 0 in pixels.shape:
        raise ValueError(f"frame must be {shape} with at least one pixel, got {describe(pixels)}")
    return pixels.shape[:2]
