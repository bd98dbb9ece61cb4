"""M-Net of the `live` and `studio` presets as a native kernel: all layers in one pass over the blocks that matter.

`mnet.py` defines the network. The kernel's paths and PyTorch agree within rounding (2e-5 in alpha_raw), not bit for
bit: its sums are fused, which halves their time.
"""

from __future__ import annotations

import cv2
import numpy as np

from . import fuse_arguments as arguments
from . import native
from .array_checks import check_array
from .errors import InputError
from .fuse_arguments import Picture
from .yuv_planes import YuvPlanes, picture_size

BLOCK = 4
REACHES = (1, 1, 2, 1)
"""Blocks on every side that a pixel's model, then each look (the last one first) depends on."""
REACH = sum(REACHES)
LOOKS = 3
MODEL = 8
"""Numbers that are written for a block: six weights, an offset, and one that is not used."""
BATCH_NORM_EPSILON = 1e-5
NOT_HERE = "M-Net's kernel is not compiled code here ({}); use --runner onnxruntime"


def pack_parameters(weights: dict[str, np.ndarray]) -> np.ndarray:
    """Weights of `LiveMNet` by name → [n] float32 as the kernel wants them, batch norm folded in.

    Raises KeyError or ValueError when they are those of another network.
    """
    parts = [*_folded(weights, "fold.0", "fold.1")]
    for look in range(LOOKS):
        parts += _folded(weights, f"look.{look}.0", f"look.{look}.1")
        parts += _folded(weights, f"look.{look}.2", f"look.{look}.3")
    last = [weights["write.weight"][:, :, 0, 0].T, weights["write.bias"][None]]
    parts += [np.pad(part, ((0, 0), (0, 1))) for part in last]
    parts.append(np.zeros(MODEL))  # wide vectors reach beyond the last number
    packed = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    wanted = native.load().mnet_parameters
    if packed.size != wanted:
        raise ValueError(f"{packed.size} parameters instead of {wanted}")
    return packed


def _folded(weights: dict[str, np.ndarray], convolution: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """([inputs, outputs], [outputs]): weights and biases of a convolution and the batch norm behind it."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    kernel = weights[f"{convolution}.weight"] * scale[:, None, None, None]
    return kernel.reshape(len(scale), -1).T, weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale


class MNetKernel:
    """M-Net with the parameters of `pack_parameters`."""

    def __init__(self, parameters: np.ndarray, *, path: str | None = None, threads: int = 1):
        """Raises InputError where no native path is in use."""
        self._path = native.path_name() if path is None else path
        if self._path == native.REFERENCE:
            raise InputError(NOT_HERE.format(f"kernel path {native.REFERENCE}"))
        self._parameters = parameters
        self._threads = threads

    def draw(
        self,
        frame: Picture,
        logits: np.ndarray,
        wanted: np.ndarray,
        alpha_raw: np.ndarray,
        stale: np.ndarray | None = None,
    ) -> None:
        """Writes alpha_raw [H, W] float32: M-Net's where `wanted`, elsewhere 0.5.

        frame    [H, W, 3] uint8 RGB or YuvPlanes
        logits   [3, h, w] float32, contiguous
        wanted   [ceil(H/4), ceil(W/4)] uint8: 1 for wanted blocks of 4x4 pixels, 0 for others
        stale    the same for blocks of alpha_raw that may hold anything: all others hold 0.5 already. None: all may

        Raises TypeError for a wrong dtype, ValueError for a wrong shape or layout. Releases the GIL.
        """
        size = picture_size(frame)
        arguments.check_picture("frame", frame, size)
        arguments.check_logits(logits, size)
        check_array("alpha_raw", alpha_raw, np.float32, size, written=True)
        grid = tuple(-(-pixels // BLOCK) for pixels in size)
        check_array("wanted", wanted, np.uint8, grid)
        if stale is not None:
            check_array("stale", stale, np.uint8, grid, contiguous=True)
        arguments.check_apart({"alpha_raw": alpha_raw}, {"frame": frame, "logits": logits})
        if 0 in size:
            return  # the kernel shares rows out among threads, and has none
        depth = block_depths(wanted)
        window = ((-REACH * BLOCK,) * 2, tuple(BLOCK * side for side in depth.shape))
        tags = frame.tags if isinstance(frame, YuvPlanes) else None
        native.load().mnet(
            self._path, self._threads, logits.ctypes.data, logits.shape[1:],
            arguments.picture_pointers(frame), size, *window, arguments.matrix_numbers(tags),
            depth.ctypes.data, self._parameters.ctypes.data, arguments.pointer(alpha_raw),
            0 if stale is None else stale.ctypes.data,
        )  # fmt: skip


def block_depths(wanted: np.ndarray) -> np.ndarray:
    """[rows, columns] → [rows + 2·REACH, columns + 2·REACH] uint8: how many of M-Net's layers each block needs.

    5 for wanted blocks, 4 for those whose models they are drawn from, down to 1 for those that only need be folded.
    """
    needed = np.pad(wanted, REACH)
    depth = needed.copy()
    for reach in REACHES:
        needed = cv2.dilate(needed, np.ones((2 * reach + 1,) * 2, np.uint8))
        depth += needed
    return depth
