"""Pictures turned, moved and scaled, as RGB, as planes or as alpha."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .frame import Frame
from .fuse_arguments import Picture
from .planes import planes_from_rgb, rgb_from_planes
from .yuv_planes import YuvPlanes, picture_size, site_count


def mirrored(picture: Picture) -> Picture:
    """Left and right exchanged: arrays [H, W, ...] or planes."""
    if not isinstance(picture, YuvPlanes):
        return cv2.flip(picture, 1)
    if picture.size[1] % 2:  # sites of an odd width do not fall on sites
        return planes_from_rgb(cv2.flip(rgb_from_planes(picture), 1), picture.tags)
    chroma = tuple(cv2.flip(plane, 1) for plane in picture.chroma)
    return replace(picture, y=cv2.flip(picture.y, 1), chroma=chroma, frame=None)


def mirrored_frame(frame: Frame) -> Frame:
    """The frame with its pictures mirrored."""
    fine = None if frame.fine_picture is None else mirrored(frame.fine_picture)
    return replace(frame, picture=mirrored(frame.picture), fine_picture=fine)


def place_matrix(place: tuple[float, float, float], height: int, width: int) -> np.ndarray:
    """[2, 3] float64, from a position in the frame to where `Controls.place` puts it, corners at whole numbers."""
    x, y, scale = place
    return np.array([[scale, 0, width * (x / 100 + (1 - scale) / 2)], [0, scale, height * (y / 100 + 1 - scale)]])


def placed_alpha(alpha: np.ndarray, place: tuple[float, float, float]) -> np.ndarray:
    """[H, W] float32 moved and scaled; outside the frame nobody is."""
    height, width = alpha.shape
    matrix = place_matrix(place, height, width)
    return _warp(alpha, matrix, (width, height), cv2.BORDER_CONSTANT)


def placed(picture: Picture, place: tuple[float, float, float]) -> Picture:
    """The same for pictures, whose edges are repeated: alpha is 0 there."""
    height, width = picture_size(picture)
    matrix = place_matrix(place, height, width)
    if not isinstance(picture, YuvPlanes):
        return _warp(picture, matrix, (width, height))
    sites = site_count(width), site_count(height)
    halved = matrix * [[1, 1, 0.5], [1, 1, 0.5]]
    chroma = tuple(_warp(plane, halved, sites) for plane in picture.chroma)
    return replace(picture, y=_warp(picture.y, matrix, (width, height)), chroma=chroma, frame=None)


def _warp(array: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border=cv2.BORDER_REPLICATE) -> np.ndarray:
    centred = matrix.copy()  # OpenCV counts from the centres of pixels
    centred[:, 2] += (matrix[:, 0] + matrix[:, 1] - 1) / 2
    return cv2.warpAffine(array, centred, size, flags=cv2.INTER_LINEAR, borderMode=border)
