"""The alpha of ProRes 4444 frames, 16 bits, coded without loss: SMPTE RDD 36, scanned alpha.

A slice is one to eight macroblocks of 16x16 pixels side by side. Its alpha is coded on its own, row after row: the
difference to the pixel before, then how often the pixel is repeated.
"""

from __future__ import annotations

import numpy as np

from . import native
from .array_checks import check_array
from .prores_alpha_reference import BLOCK, code_slices, slice_blocks_of

SLICE_BLOCKS = (1, 2, 4, 8)
"""How many macroblocks a slice may have."""
PIXEL_BITS = 18
"""Most that a pixel costs: a flag and 16 bits of difference, a bit for "no repetition"."""


def code_alpha(alpha: np.ndarray, slice_blocks: int, *, path: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Code a picture's alpha.

    alpha         [H, W] uint16, 0 to 65535; rows may be apart
    slice_blocks  macroblocks in a slice: 1, 2, 4 or 8. What is left of a row is halved until it fits
    path          overrides the kernel path; "reference" is NumPy, all others are one C++ function

    Returns the coded slices one after the other, from left to right and down, [bytes] uint8, and how many bytes each
    takes, [slices] uint16. Raises TypeError for a wrong dtype, ValueError for a wrong shape or layout.
    """
    check_array("alpha", alpha, np.uint16, alpha.shape)
    if alpha.ndim != 2 or not alpha.size or slice_blocks not in SLICE_BLOCKS:
        raise ValueError(f"cannot code alpha of shape {alpha.shape} in slices of {slice_blocks} macroblocks")
    if (path or native.path_name()) == native.REFERENCE:
        return code_slices(alpha, slice_blocks)
    pixels = np.prod([side + -side % BLOCK for side in alpha.shape])
    sizes = np.empty(slice_count(alpha.shape, slice_blocks), np.uint16)
    coded = np.empty(pixels * PIXEL_BITS // 8, np.uint8)  # memory is taken as far as it is written to
    place = alpha.ctypes.data, alpha.strides[0]
    native.load().prores_alpha(place, alpha.shape, slice_blocks, coded.ctypes.data, sizes.ctypes.data)
    return coded[: sizes.sum(dtype=np.int64)], sizes


def slice_count(size: tuple[int, int], slice_blocks: int) -> int:
    """Of a picture of `size` (height, width)."""
    return -(-size[0] // BLOCK) * len(slice_blocks_of(size[1], slice_blocks))
