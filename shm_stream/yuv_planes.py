"""A picture as video stores it: 8-bit luma, and chroma with one sample for each 2x2 site of pixels (4:2:0)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .colour import ColourTags, rgb_from_yuv


@dataclass(frozen=True, slots=True, eq=False)
class YuvPlanes:
    """Views of a decoder's or encoder's memory, or arrays of their own. Planes of decoded frames are never changed."""

    y: np.ndarray
    """[H, W] uint8"""
    chroma: tuple[np.ndarray, ...]
    """(U, V) of [ceil(H/2), ceil(W/2)] uint8 each (YUV420P), or one array [ceil(H/2), ceil(W/2), 2] of both (NV12)."""
    tags: ColourTags
    """What the numbers mean."""
    frame: object = None
    """The av.VideoFrame that the memory belongs to, or None."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.y.shape

    @property
    def interleaved(self) -> bool:
        return len(self.chroma) == 1

    @property
    def u(self) -> np.ndarray:
        """[ceil(H/2), ceil(W/2)] uint8, not contiguous when interleaved."""
        return self.chroma[0][..., 0] if self.interleaved else self.chroma[0]

    @property
    def v(self) -> np.ndarray:
        return self.chroma[0][..., 1] if self.interleaved else self.chroma[1]


def site_count(side: int) -> int:
    """2x2 sites along a side: the last one of an odd side has only one pixel in that direction."""
    return (side + 1) // 2


def picture_size(picture: np.ndarray | YuvPlanes) -> tuple[int, int]:
    """(H, W) of an array [H, W, ...] or of planes."""
    return picture.size if isinstance(picture, YuvPlanes) else picture.shape[:2]


def same_numbers(one: ColourTags, other: ColourTags) -> bool:
    """Whether equal YUV values are equal colours: one matrix and one range."""
    return (one.matrix, one.range) == (other.matrix, other.range)


def unit_matrix(tags: ColourTags) -> np.ndarray:
    """[3, 4] float32: 8-bit (Y, 16 Cb, 16 Cr, 1) → RGB in 0..1. The kernels add up sixteenths of chroma samples."""
    return np.float32(rgb_from_yuv(tags) / 255 / (1, 16, 16, 1))
