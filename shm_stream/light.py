"""Colours at the edges: the old background's taken out, the new background's light let in."""

from __future__ import annotations

import cv2
import numpy as np

from .colour import yuv_from_rgb
from .edges import soften
from .foreground import estimate_foreground
from .fuse import fuse_composite
from .fuse_arguments import Picture
from .planes import new_planes
from .reduce import reduce_to_rgb
from .trimap import Trimap
from .yuv_planes import YuvPlanes, picture_size

WRAP_REACH = 12 / 1000
"""Standard deviation of the light's blur, as a share of the frame's height."""
EDGE = 4
"""Despill reaches its full strength where alpha falls to 1 - 1 / EDGE."""


CELL = 16
"""Pixels along a side of what `logits_of` looks at together."""
SURE = 100.0
"""A logit that leaves nothing to the two others: exp(-2 SURE) is 0 in float32."""


def logits_of(alpha: np.ndarray) -> np.ndarray:
    """[3, h, w] float32 with which fusion takes `alpha` [H, W] float32 for alpha_raw and gives the same alpha back.

    Every pixel could be "unknown". Cells that are all 0 or all 1, their neighbours too, are called what they are, which
    fusion does several times quicker: up to the next cell's middle, alpha_raw says the same.
    """
    rows, columns = (max(1, side // CELL) for side in alpha.shape)
    mean = cv2.resize(alpha, (columns, rows), interpolation=cv2.INTER_AREA)
    around = np.ones((3, 3), np.uint8)
    logits = np.full((3, rows, columns), -SURE, np.float32)
    logits[Trimap.FOREGROUND][cv2.erode(np.uint8(mean > 1 - 1e-5), around) > 0] = SURE
    logits[Trimap.BACKGROUND][cv2.erode(np.uint8(mean < 1e-5), around) > 0] = SURE
    logits[Trimap.UNKNOWN][logits.max(0) < 0] = SURE
    return logits


def blend(weight: np.ndarray, front: Picture, back: Picture) -> Picture:
    """weight * front + (1 - weight) * back for weight [H, W] float32 in 0..1; RGB, float32 RGB or planes, a new one."""
    if not isinstance(back, YuvPlanes) and back.dtype == np.float32:
        return back + cv2.merge([weight] * 3) * (front - back)
    planar = isinstance(back, YuvPlanes)
    result = new_planes(*back.size, back.tags) if planar else np.empty(back.shape, np.uint8)
    fuse_composite(logits_of(weight), weight, front, back, composite=result)
    return result


def despilled(picture: Picture, alpha: np.ndarray, percent: float) -> Picture:
    """`picture` with the subject's own colours in soft edges, estimated at half size: that is four times quicker and
    they are smooth there. alpha [H, W] float32 as it was drawn for this picture."""
    height, width = alpha.shape
    half = max(1, height // 2), max(1, width // 2)
    small = cv2.resize(alpha, half[::-1], interpolation=cv2.INTER_AREA)
    own = estimate_foreground(_reduced(picture, half), small)
    if isinstance(picture, YuvPlanes):
        own = _planes_of_half(own, picture)
    else:
        own = cv2.resize(own, (width, height), interpolation=cv2.INTER_LINEAR)
    return blend(np.minimum((1 - alpha) * EDGE, 1) * np.float32(percent / 100), own, picture)


def _planes_of_half(colours: np.ndarray, picture: YuvPlanes) -> YuvPlanes:
    """[h, w, 3] uint8 RGB of half the picture's size → planes like its. Chroma has that size, but for odd sides."""
    luma, *chroma = cv2.split(cv2.transform(colours, yuv_from_rgb(picture.tags)))
    y, *uv = (
        cv2.resize(part, there.shape[::-1], interpolation=cv2.INTER_LINEAR)
        for part, there in ((luma, picture.y), (chroma[0], picture.u), (chroma[1], picture.v))
    )
    return YuvPlanes(y, tuple(uv), picture.tags)


def _reduced(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """[h, w, 3] RGB of that size, float32 where the picture is."""
    fine = not isinstance(picture, YuvPlanes) and picture.dtype == np.float32
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA) if fine else reduce_to_rgb(picture, *size)


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
