"""Which way up a stored picture is to be shown, and how to turn it: quarter turns and mirroring, nothing between."""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import cv2
import numpy as np

from .yuv_planes import YuvPlanes


@dataclass(frozen=True)
class Orientation:
    """Rows and columns are exchanged first, then the picture is mirrored. All of them: the eight of Exif."""

    transposed: bool = False
    mirrored: bool = False
    """Left and right are exchanged."""
    flipped: bool = False
    """Top and bottom are exchanged."""

    @property
    def changes(self) -> bool:
        return self != UPRIGHT

    def turned(self, pixels: np.ndarray) -> np.ndarray:
        """[H, W] or [H, W, channels] → the same upright, of its own memory unless nothing changes."""
        if self.transposed:
            pixels = cv2.transpose(pixels)
        if self.mirrored or self.flipped:
            pixels = cv2.flip(pixels, -1 if self.mirrored and self.flipped else int(self.mirrored))
        return pixels

    def keeps_sites(self, height: int, width: int) -> bool:
        """Whether the 2x2 sites of a stored picture's chroma are sites of the upright one: a side that is read from its
        other end must be even, for the site that has only one pixel is the last one."""
        from_the_right, from_below = self.mirrored, self.flipped
        if self.transposed:
            from_the_right, from_below = from_below, from_the_right
        return not (from_the_right and width % 2 or from_below and height % 2)

    def turned_planes(self, planes: YuvPlanes) -> YuvPlanes:
        """The same upright, where `keeps_sites`. Chroma counts as lying in the middle of its sites, here as elsewhere:
        the half pixel by which most encoders mean it further left is turned along, and not corrected."""
        if not self.changes:
            return planes
        return replace(planes, y=self.turned(planes.y), chroma=tuple(map(self.turned, planes.chroma)), frame=None)


UPRIGHT = Orientation()


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """What the display matrix says that a decoder gave with the frame. One that turns by anything between quarters is
    not followed."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return _from_matrix(np.frombuffer(data, np.int32, 9).reshape(3, 3)[:2, :2])
    return UPRIGHT


def _from_matrix(matrix: np.ndarray) -> Orientation:
    """[2, 2] fixed-point numbers (ISO/IEC 14496-12): a position (x, y) times this is where it is shown. Up to a degree
    is rounding."""
    matrix = matrix.astype(np.int64)
    (across, down), (across_by_y, down_by_y) = np.where(np.abs(matrix) * 64 < np.abs(matrix).max(), 0, matrix)
    if down == across_by_y == 0:
        return Orientation(mirrored=bool(across < 0), flipped=bool(down_by_y < 0))
    if across == down_by_y == 0:
        return Orientation(transposed=True, mirrored=bool(across_by_y < 0), flipped=bool(down < 0))
    return UPRIGHT
