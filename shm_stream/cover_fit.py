"""Pictures scaled to cover a frame without distortion, the middle cut out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .yuv_planes import YuvPlanes, site_count


def cover_fit(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """[h, w, 3] uint8 → [height, width, 3] uint8."""
    top, left, rows, columns = _middle(pixels.shape[:2], width, height)
    return _resized(pixels[top : top + rows, left : left + columns], width, height)


def cover_fit_planes(planes: YuvPlanes, width: int, height: int) -> YuvPlanes:
    """The same for planes. The part that is cut out begins and ends between sites, so that chroma stays in place."""
    top, left, rows, columns = _middle(planes.size, width, height)
    top, left, rows, columns = top & ~1, left & ~1, rows + rows % 2, columns + columns % 2
    sites = slice(top // 2, (top + rows) // 2), slice(left // 2, (left + columns) // 2)
    chroma = tuple(_resized(plane[sites], site_count(width), site_count(height)) for plane in planes.chroma)
    luma = _resized(planes.y[top : top + rows, left : left + columns], width, height)
    return replace(planes, y=luma, chroma=chroma, frame=None)


def _middle(size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """(top, left, rows, columns) of the part in the proportions of width x height."""
    rows, columns = size
    scale = max(width / columns, height / rows)
    cut_width, cut_height = min(columns, max(1, round(width / scale))), min(rows, max(1, round(height / scale)))
    return (rows - cut_height) // 2, (columns - cut_width) // 2, cut_height, cut_width


def _resized(part: np.ndarray, width: int, height: int) -> np.ndarray:
    shrink = height < part.shape[0] or width < part.shape[1]
    interpolation = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(part, (width, height), interpolation=interpolation))
