"""Planes of one matrix and range as planes of another, without a way through RGB.

Every such change is linear and leaves grey grey: chroma depends on chroma alone, at the size that it has, and luma
changes by what chroma says.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .colour import ColourTags, rgb_from_yuv, yuv_from_rgb
from .yuv_planes import YuvPlanes


def recoloured(planes: YuvPlanes, tags: ColourTags, into: YuvPlanes | None = None) -> YuvPlanes:
    """The same colours in the numbers of `tags`: `into` of separate U and V, or arrays of their own. Luma is rounded to
    within a step; what has no place in RGB's cube is not cut off."""
    matrix, (u, v) = _change(planes.tags, tags), _separate(planes)
    into_y, into_u, into_v = (None, None, None) if into is None else (into.y, into.u, into.v)
    y = _luma(planes.y, u, v, matrix[0], into_y)
    chroma = (
        cv2.addWeighted(u, matrix[1, 1], v, matrix[1, 2], matrix[1, 3], into_u),
        cv2.addWeighted(u, matrix[2, 1], v, matrix[2, 2], matrix[2, 3], into_v),
    )
    return into or replace(planes, y=y, chroma=chroma, tags=tags, frame=None)


def recoloured_luma(planes: YuvPlanes, tags: ColourTags) -> np.ndarray:
    """[H, W] uint8: only the luma of `recoloured`."""
    return _luma(planes.y, *_separate(planes), _change(planes.tags, tags)[0])


def _separate(planes: YuvPlanes) -> tuple[np.ndarray, ...]:
    return cv2.split(planes.chroma[0]) if planes.interleaved else planes.chroma


def _luma(y: np.ndarray, u: np.ndarray, v: np.ndarray, row: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
    """`row`: the first of `_change`."""
    scale, from_u, from_v, offset = row
    fine = 127 / max(128 * (abs(from_u) + abs(from_v)), 1)  # as finely as 8 bits can say what luma changes by
    change = cv2.addWeighted(u, from_u * fine, v, from_v * fine, 128 - 128 * fine * (from_u + from_v))
    change = cv2.resize(change, (2 * change.shape[1], 2 * change.shape[0]), interpolation=cv2.INTER_LINEAR)
    constant = offset + 128 * (from_u + from_v) - 128 / fine
    return cv2.addWeighted(y, scale, change[: y.shape[0], : y.shape[1]], 1 / fine, constant, into)


def _change(given: ColourTags, wanted: ColourTags) -> np.ndarray:
    """[3, 4] float64: (Y, Cb, Cr, 1) of 8 bits → the same of the other tags."""
    forward = yuv_from_rgb(wanted)
    matrix = forward[:, :3] @ rgb_from_yuv(given)
    matrix[:, 3] += forward[:, 3]
    return matrix
