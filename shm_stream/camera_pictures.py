"""Composites as virtual cameras take them: planes in the numbers that programs take a camera's for, or RGB.

That is BT.601 of limited range, whatever the size: V4L2's default for YUV (v4l2loopback says sRGB and no more), and
what pyvirtualcam makes of RGB on every system.
"""

from __future__ import annotations

import numpy as np

from .colour import BT601, LIMITED, ColourTags
from .planes import planes_from_rgb, rgb_from_planes
from .recolour import recoloured
from .yuv_planes import YuvPlanes, same_numbers

TAGS = ColourTags(BT601, LIMITED)


class PackedPlanes:
    """One picture at a time, its planes one after the other as in the format I420."""

    def __init__(self, width: int, height: int, align: int = 1):
        """Sides are even; rows of every plane begin at multiples of `align` bytes."""
        luma, chroma = (-(-side // align) * align for side in (width, width // 2))
        self.bytes = np.zeros(height * (luma + chroma), np.uint8)
        y, u, v = np.split(self.bytes, [height * luma, height * luma + height // 2 * chroma])
        rows = y.reshape(height, luma), u.reshape(-1, chroma), v.reshape(-1, chroma)
        self._planes = YuvPlanes(rows[0][:, :width], tuple(part[:, : width // 2] for part in rows[1:]), TAGS)

    def hold(self, picture: np.ndarray | YuvPlanes) -> np.ndarray:
        """[H, W, 3] uint8 RGB or planes → all bytes, [n] uint8, which the next picture overwrites."""
        if not isinstance(picture, YuvPlanes):
            picture = planes_from_rgb(picture, TAGS)
        into = self._planes
        if same_numbers(picture.tags, TAGS):
            into.y[...], into.u[...], into.v[...] = picture.y, picture.u, picture.v
        else:
            recoloured(picture, TAGS, into)
        return self.bytes


class Pixels:
    """For cameras that take RGB only, and for odd sides, which their formats of planes do not have."""

    def hold(self, picture: np.ndarray | YuvPlanes) -> np.ndarray:
        """[H, W, 3] uint8 RGB of RGB or planes."""
        return rgb_from_planes(picture) if isinstance(picture, YuvPlanes) else picture
