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
    height, width = planes.size
    matrix = _change(planes.tags, tags)
    scale, (from_u, from_v) = matrix[0, 0], matrix[0, 1:3]
    fine = 127 / max(128 * (abs(from_u) + abs(from_v)), 1)  # as finely as 8 bits can say what luma changes by
    u, v = cv2.split(planes.chroma[0]) if planes.interleaved else planes.chroma
    change = cv2.addWeighted(u, from_u * fine, v, from_v * fine, 128 - 128 * fine * (from_u + from_v))
    change = cv2.resize(change, (2 * change.shape[1], 2 * change.shape[0]), interpolation=cv2.INTER_LINEAR)
    constant = matrix[0, 3] + 128 * (from_u + from_v) - 128 / fine
    into_y, into_u, into_v = (None, None, None) if into is None else (into.y, into.u, into.v)
    y = cv2.addWeighted(planes.y, scale, change[:height, :width], 1 / fine, constant, into_y)
    chroma = (
        cv2.addWeighted(u, matrix[1, 1], v, matrix[1, 2], matrix[1, 3], into_u),
        cv2.addWeighted(u, matrix[2, 1], v, matrix[2, 2], matrix[2, 3], into_v),
    )
    return into or replace(planes, y=y, chroma=chroma, tags=tags, frame=None)


def _change(given: ColourTags, wanted: ColourTags) -> np.ndarray:
    """[3, 4] float64: (Y, Cb, Cr, 1) of 8 bits → the same of the other tags."""
    forward = yuv_from_rgb(wanted)
    matrix = forward[:, :3] @ rgb_from_yuv(given)
    matrix[:, 3] += forward[:, 3]
    return matrix
