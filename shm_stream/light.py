"""Colours at the edges: the old background's taken out, the new background's light let in."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from .edges import soften
from .foreground import estimate_foreground
from .fuse import fuse_composite
from .fuse_arguments import Picture
from .planes import new_planes, planes_from_rgb
from .reduce import reduce_to_rgb
from .yuv_planes import YuvPlanes, picture_size

WRAP_REACH = 12 / 1000
"""Standard deviation of the light's blur, as a share of the frame's height."""
EDGE = 4
"""Despill reaches its full strength where alpha falls to 1 - 1 / EDGE."""


@cache
def unknown_logits() -> np.ndarray:
    """[3, 1, 1] float32: every pixel is unknown, so that fusion takes alpha_raw for alpha, exactly."""
    return np.float32([-100, -100, 100]).reshape(3, 1, 1)


def blend(weight: np.ndarray, front: Picture, back: Picture) -> Picture:
    """weight * front + (1 - weight) * back for weight [H, W] float32 in 0..1; RGB or planes, a new picture."""
    planar = isinstance(back, YuvPlanes)
    result = new_planes(*back.size, back.tags) if planar else np.empty(back.shape, np.uint8)
    fuse_composite(unknown_logits(), np.ascontiguousarray(weight), front, back, composite=result)
    return result


def despilled(picture: Picture, alpha: np.ndarray, percent: float) -> Picture:
    """`picture` with the subject's own colours in soft edges, estimated at half size: that is four times quicker and
    they are smooth there. alpha [H, W] float32 as it was drawn for this picture."""
    height, width = alpha.shape
    half = max(1, height // 2), max(1, width // 2)
    small = cv2.resize(alpha, half[::-1], interpolation=cv2.INTER_AREA)
    own = estimate_foreground(reduce_to_rgb(picture, *half), small)
    own = cv2.resize(own, (width, height), interpolation=cv2.INTER_LINEAR)
    if isinstance(picture, YuvPlanes):
        own = planes_from_rgb(own, picture.tags)
    return blend(np.minimum((1 - alpha) * EDGE, 1) * np.float32(percent / 100), own, picture)


def wrapped(picture: Picture, alpha: np.ndarray, background: Picture, percent: float) -> Picture:
    """`picture` with the blurred background's light where background is near; alpha as it is composited."""
    sigma = picture_size(picture)[0] * WRAP_REACH
    near = np.minimum(soften(1 - alpha, sigma) * np.float32(percent / 100), 1)
    return blend(near, softened_picture(background, sigma), picture)


def softened_picture(picture: Picture, sigma: float) -> Picture:
    """RGB or planes, blurred; `sigma` in pixels."""
    if not isinstance(picture, YuvPlanes):
        return soften(picture, sigma)
    result = new_planes(*picture.size, picture.tags)
    result.y[...] = soften(picture.y, sigma)
    for plane, values in zip(result.chroma, (picture.u, picture.v), strict=True):
        plane[...] = soften(np.ascontiguousarray(values), sigma / 2)
    return result
