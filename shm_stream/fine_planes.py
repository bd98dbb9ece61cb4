"""Pictures of more than 8 bits to and from FFmpeg's frames, without an 8-bit step between.

A *fine* picture is [H, W, 3] float32 RGB, encoded as the source encodes it, 0 black and 1 white. Values beyond (super
white, colours outside the primaries) are kept. Chroma is sited as in `planes`.
"""

from __future__ import annotations

import re
from functools import lru_cache

import av
import cv2
import numpy as np

from .colour import ColourTags, codes_from_rgb
from .planes import plane_view, set_tags
from .transfer import levels

PLANAR = re.compile(r"(yuva?4(?:20|22|44)|gbra?)p(?:9|1[0-6])le")
"""Formats whose planes are read and written here: one uint16 for each sample."""
SHIFTED = {"p010le": 6, "p012le": 4, "p016le": 0}
"""Semi-planar 4:2:0 with the value in the upper bits → how many bits lie below it."""


@lru_cache(maxsize=64)
def depth_of(pix_fmt: str) -> int:
    """Bits of a sample of an FFmpeg pixel format; 8 for palettes."""
    found = av.VideoFormat(pix_fmt)
    return 8 if found.has_palette else max(component.bits for component in found.components)


def fine_from_frame(frame: av.VideoFrame, tags: ColourTags) -> np.ndarray:
    """[H, W, 3] float32 RGB, a fresh array. `tags` says which matrix and range the frame has."""
    name = frame.format.name
    if name not in SHIFTED and not PLANAR.fullmatch(name):
        wide = frame.reformat(format="rgb48le")
        return plane_view(wide.planes[0], 3, np.uint16) * np.float32(1 / 65535)
    planes = _samples(frame, SHIFTED.get(name))
    if frame.format.is_rgb:
        green, blue, red = planes[:3]
        return cv2.merge([red, green, blue]) / np.float32((1 << depth_of(name)) - 1)
    luma, *chroma = planes[:3]
    yuv = cv2.merge([luma, *(_enlarged(plane, luma.shape) for plane in chroma)])
    return cv2.transform(yuv, _inverse(codes_from_rgb(tags, depth_of(name))))


def frame_from_fine(picture: np.ndarray, pix_fmt: str, tags: ColourTags) -> av.VideoFrame:
    """[H, W] grey, [H, W, 3] RGB or [H, W, 4] straight RGBA float32 → a new frame of a format that `PLANAR` matches.

    Pictures without alpha are opaque where the format has alpha.
    """
    rgb = picture[..., :3] if picture.ndim == 3 else cv2.merge([picture] * 3)
    frame = av.VideoFrame(picture.shape[1], picture.shape[0], pix_fmt)
    bits = depth_of(pix_fmt)
    highest = (1 << bits) - 1
    if frame.format.is_rgb:
        planes = [levels(rgb[..., channel], highest) for channel in (1, 2, 0)]
    else:
        luma, *chroma = cv2.split(cv2.transform(np.ascontiguousarray(rgb), codes_from_rgb(tags, bits)))
        chroma = [_reduced(plane, frame.planes[1]) for plane in chroma]
        planes = [np.clip(np.rint(plane), 0, highest) for plane in (luma, *chroma)]
    if picture.ndim == 3 and picture.shape[2] == 4:
        planes.append(levels(picture[..., 3], highest))
    elif len(frame.planes) == 4:
        planes.append(highest)
    for plane, values in zip(frame.planes, planes, strict=True):
        plane_view(plane, dtype=np.uint16)[...] = values
    return set_tags(frame, tags)


def _samples(frame: av.VideoFrame, shift: int | None) -> list[np.ndarray]:
    """Planes as float32 code values, U and V apart."""
    if shift is None:
        return [plane_view(plane, dtype=np.uint16).astype(np.float32) for plane in frame.planes]
    luma, chroma = plane_view(frame.planes[0], dtype=np.uint16), plane_view(frame.planes[1], 2, np.uint16)
    return [(plane >> shift).astype(np.float32) for plane in (luma, chroma[..., 0], chroma[..., 1])]


def _enlarged(chroma: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A chroma plane at the luma's (H, W); odd sizes lose half of the last sample."""
    rows, columns = (have if have == want else 2 * have for have, want in zip(chroma.shape, size, strict=True))
    if (rows, columns) != chroma.shape:
        chroma = cv2.resize(chroma, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return chroma[: size[0], : size[1]]


def _reduced(chroma: np.ndarray, plane) -> np.ndarray:
    """A full-size chroma plane at the size of an encoder's; odd sizes repeat the last row or column."""
    height, width = chroma.shape
    if (plane.height, plane.width) == (height, width):
        return chroma
    below = height % 2 if plane.height < height else 0
    chroma = cv2.copyMakeBorder(chroma, 0, below, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(chroma, (plane.width, plane.height), interpolation=cv2.INTER_AREA)


def _inverse(forward: np.ndarray) -> np.ndarray:
    """[3, 4]: code values → RGB in 0..1, of the [3, 4] that goes the other way."""
    inverse = np.linalg.inv(forward[:, :3])
    return np.column_stack([inverse, -inverse @ forward[:, 3]])
