"""The two per-pixel operations: fusion with compositing, and the input of M-Net. numpy in and out, on the CPU.

Both read T-Net's logits at reduced size and sample them bilinearly. What non-finite numbers mean is fixed:
a logit is clamped to ±1e4 before sampling and NaN counts as -1e4 ("this class is impossible"; three NaN give 1/3 each);
alpha_raw is clamped to 0..1 and NaN counts as 0.
All native paths give the same bits; `fuse_reference` is the same in PyTorch and within one 8-bit step.
"""

from __future__ import annotations

import numpy as np

from . import native
from .array_checks import check_array, check_overlap, describe
from .native import paths

__all__ = ["emulate_cuda", "fuse_composite", "gather", "paths"]

EMULATED = "emulated"
"""Path name for tests: the CUDA kernels' code, run thread by thread on the CPU."""
MAX_SIDE = 32767
"""Largest height or width: the sampling positions are exact in 32-bit integers up to here."""
CUDA_BLOCK = (8, 32)
"""Height and width of a CUDA block in the real launch."""


def fuse_composite(
    logits: np.ndarray,
    alpha_raw: np.ndarray,
    frame: np.ndarray | None = None,
    background: np.ndarray | None = None,
    *,
    composite: np.ndarray | None = None,
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
    frame, background   [H, W, 3] uint8, needed for composite
    composite   [H, W, 3] uint8, written
    alpha       [H, W] float32 in 0..1, written
    alpha8      [H, W] uint8, alpha in 0..255, written
    path        overrides the kernel path (see `paths`); "emulated" runs the CUDA code on the CPU in blocks of `block`
    threads     rows are split over this many threads

    Give at least one output; outputs must not overlap anything. Rows may be apart (views of a larger array), pixels
    not. Raises TypeError for a wrong dtype, ValueError for a wrong shape, layout or path. Releases the GIL.
    """
    size = _check_inputs(logits, alpha_raw)
    outputs = {"composite": composite, "alpha": alpha, "alpha8": alpha8}
    _check_outputs(outputs, size)
    if composite is None:
        frame = background = None
    elif frame is None or background is None:
        raise ValueError("composite needs frame and background")
    else:
        check_array("frame", frame, np.uint8, (*size, 3))
        check_array("background", background, np.uint8, (*size, 3))
    check_overlap(outputs, {"logits": logits, "alpha_raw": alpha_raw, "frame": frame, "background": background})
    path, module = _choose(path, threads)
    if path == native.REFERENCE:
        from . import fuse_reference

        fuse_reference.fuse_into(logits, alpha_raw, frame, background, composite, alpha, alpha8)
        return
    arrays = [_pointer(array) for array in (alpha_raw, frame, background, composite, alpha, alpha8)]
    call = (logits.ctypes.data, logits.shape[1:], size, *arrays)
    if path == EMULATED:
        module.fuse_emulated(block, *call)
    else:
        module.fuse_composite(path, threads, *call)


def gather(
    frame: np.ndarray,
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

    frame   [H, W, 3] uint8, rows may be apart; at least one pixel
    logits  [3, h, w] float32, contiguous
    out     [6, height, width] float32, contiguous, written and returned; a new array when None
    path, threads, block and the errors are those of `fuse_composite`.
    """
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or 0 in frame.shape:
        raise ValueError(f"frame must be [H, W, 3] with at least one pixel, got {describe(frame)}")
    check_array("frame", frame, np.uint8, (*frame.shape[:2], 3))
    _check_logits(logits, frame.shape[:2])
    if not (0 <= height <= MAX_SIDE and 0 <= width <= MAX_SIDE and max(abs(top), abs(left)) <= MAX_SIDE):
        raise ValueError(f"the window ({top=}, {left=}, {height=}, {width=}) is out of range (0..{MAX_SIDE})")
    if out is None:
        out = np.empty((6, height, width), np.float32)
    check_array("out", out, np.float32, (6, height, width), written=True, contiguous=True)
    check_overlap({"out": out}, {"frame": frame, "logits": logits})
    path, module = _choose(path, threads)
    if path == native.REFERENCE:
        from . import fuse_reference

        fuse_reference.gather_into(frame, logits, top, left, out)
        return out
    window = ((top, left), (height, width), out.ctypes.data)
    call = (logits.ctypes.data, logits.shape[1:], _pointer(frame), frame.shape[:2], *window)
    if path == EMULATED:
        module.gather_emulated(block, *call)
    else:
        module.gather(path, threads, *call)
    return out


def emulate_cuda(*args, block: tuple[int, int] = CUDA_BLOCK, **kwargs) -> None:
    """`fuse_composite` as the CUDA kernel computes it, in blocks of `block` = (height, width) threads; for tests."""
    fuse_composite(*args, **kwargs, path=EMULATED, block=block)


def _choose(path: str | None, threads: int):
    """(path name, compiled module). Raises ValueError for a path this machine does not have."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    path = native.path_name() if path is None else path
    module = native.load()
    if path != EMULATED or module is None:
        available = native.paths()
        if path not in available:
            raise ValueError(f"kernel path {path!r} cannot be used here; choose one of {', '.join(available)}")
    return path, module


def _check_inputs(logits: np.ndarray, alpha_raw: np.ndarray) -> tuple[int, int]:
    if not isinstance(alpha_raw, np.ndarray) or alpha_raw.ndim != 2:
        raise ValueError(f"alpha_raw must be [H, W], got {describe(alpha_raw)}")
    size = alpha_raw.shape
    check_array("alpha_raw", alpha_raw, np.float32, size)
    _check_logits(logits, size)
    return size


def _check_logits(logits: np.ndarray, size: tuple[int, int]) -> None:
    """`size`: of the picture the logits are spread over."""
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.shape[0] != 3 or 0 in logits.shape:
        raise ValueError(f"logits must be [3, h, w] with at least one pixel, got {describe(logits)}")
    check_array("logits", logits, np.float32, logits.shape, contiguous=True)
    for shape in (logits.shape[1:], size):
        if max(shape) > MAX_SIDE:
            raise ValueError(f"pictures may be at most {MAX_SIDE} pixels a side, got {shape}")


def _check_outputs(outputs: dict[str, np.ndarray | None], size: tuple[int, int]) -> None:
    wanted = {"composite": (np.uint8, (*size, 3)), "alpha": (np.float32, size), "alpha8": (np.uint8, size)}
    if all(array is None for array in outputs.values()):
        raise ValueError("give at least one of composite, alpha, alpha8 to write to")
    for name, array in outputs.items():
        if array is not None:
            check_array(name, array, *wanted[name], written=True)


def _pointer(array: np.ndarray | None) -> tuple[int, int]:
    """(address, bytes between rows); (0, 0) for an absent array."""
    return (0, 0) if array is None else (array.ctypes.data, array.strides[0])
