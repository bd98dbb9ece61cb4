"""Small copies of large frames: what T-Net reads, what cuts are found in, what a wide blur is made of."""

from __future__ import annotations

import cv2
import numpy as np

from . import native
from .colour import rgb_from_yuv
from .prepare import prepare, reduces
from .yuv_planes import YuvPlanes, picture_size


def reduce_picture(pixels: np.ndarray, height: int, width: int, *, halve_from: float = 4) -> np.ndarray:
    """[H, W] or [H, W, channels] uint8 → the same of height x width, area-averaged.

    Pictures `halve_from` times as large are halved first, which OpenCV does much faster (1080p: 3 ms instead of 8 on
    one core) and changes the result by less than one of 255 steps on average.
    """
    scale = min(pixels.shape[0] / height, pixels.shape[1] / width)
    while scale >= halve_from and not any(n % 2 for n in pixels.shape[:2]):
        scale /= 2
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def reduce_to_rgb(picture: np.ndarray | YuvPlanes, height: int, width: int) -> np.ndarray:
    """RGB [H, W, 3] uint8 or planes → [height, width, 3] uint8 RGB, area-averaged.

    By the native kernel where there is one. Without it OpenCV is much faster than the kernel's reference, and smaller
    pictures are enlarged more smoothly by OpenCV, too.
    """
    if native.path_name() != native.REFERENCE and reduces(picture_size(picture), height, width):
        return prepare(picture, height, width)
    if not isinstance(picture, YuvPlanes):
        return reduce_picture(picture, height, width)
    return cv2.transform(reduce_yuv(picture, height, width), rgb_from_yuv(picture.tags))


def reduce_yuv(planes: YuvPlanes, height: int, width: int) -> np.ndarray:
    """[height, width, 3] uint8 YUV, each plane area-averaged; chroma that is smaller than that is interpolated."""
    return cv2.merge([reduce_picture(planes.y, height, width), *(_fit(part, height, width) for part in planes.chroma)])


def _fit(chroma: np.ndarray, height: int, width: int) -> np.ndarray:
    if chroma.shape[0] >= height and chroma.shape[1] >= width:
        return reduce_picture(chroma, height, width, halve_from=2)  # less sharp than luma, and less is seen of it
    return cv2.resize(chroma, (width, height), interpolation=cv2.INTER_LINEAR)
