"""Blur of the scene behind the subject, by normalised convolution: blur(I·w) / blur(w), w = "surely background".

Knutsson and Westin, "Normalized and Differential Convolution", CVPR 1993. Where no background is near, ever wider
blurs fill the hole smoothly, so the subject leaves neither its colours nor a dark spot.
"""

from __future__ import annotations

import cv2
import numpy as np

from .planes import new_planes
from .reduce import reduce_yuv
from .yuv_planes import YuvPlanes

WORKING_SIGMA = 2.0
"""The picture is reduced until the wanted blur has this standard deviation, in pixels; smooth when enlarged."""
FAINT = 0.02
"""Weight of a fill level against the finer one before: it takes over softly where that one saw next to nothing."""
FLOOR = 1e-30
"""Weight of every pixel, so that a picture without any background is blurred as it is."""


def blurred_background(frame: np.ndarray, background_probability: np.ndarray, sigma: float) -> np.ndarray:
    """[H, W, 3] uint8 from frame [H, W, 3] uint8 and B_s [h, w] float32 in 0..1; `sigma` in pixels of the frame."""
    size = frame.shape[1::-1]
    small = cv2.resize(frame, working_size(size, sigma), interpolation=cv2.INTER_AREA)
    return cv2.resize(_blurred_small(small, background_probability, sigma), size, interpolation=cv2.INTER_LINEAR)


def blurred_planes(frame: YuvPlanes, background_probability: np.ndarray, sigma: float) -> YuvPlanes:
    """The same for planes. A blur is a weighted mean, so it may be taken of YUV as well as of RGB."""
    height, width = frame.size
    columns, rows = working_size((width, height), sigma)
    small = _blurred_small(reduce_yuv(frame, rows, columns), background_probability, sigma)
    blurred = new_planes(height, width, frame.tags)
    for plane, values in zip((blurred.y, *blurred.chroma), cv2.split(small), strict=True):
        plane[...] = cv2.resize(values, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return blurred


def working_size(size: tuple[int, int], sigma: float) -> tuple[int, int]:
    """(columns, rows) of the copy that is blurred, for a frame of `size` = (width, height)."""
    shrink = shrink_factor(sigma)
    return max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))


def shrink_factor(sigma: float) -> float:
    return max(1.0, sigma / WORKING_SIGMA)


def _blurred_small(small: np.ndarray, background_probability: np.ndarray, sigma: float) -> np.ndarray:
    """[rows, columns, 3] uint8, RGB or YUV → the same, filled and blurred; `sigma` in pixels of the frame."""
    sure = sure_background(background_probability, small.shape[1::-1])
    filled = fill_and_blur(small.astype(np.float32), sure, sigma / shrink_factor(sigma))
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)


def sure_background(probability: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[rows, columns] float32 weights in 0..1 for `size` (columns, rows): 0 wherever the subject has a share."""
    rows, columns = probability.shape
    sure = np.maximum(2 * np.nan_to_num(probability) - 1, 0).astype(np.float32)
    reach_x, reach_y = (1 + int(np.ceil(whole / part)) for whole, part in ((columns, size[0]), (rows, size[1])))
    sure = cv2.erode(sure, np.ones((2 * reach_y + 1, 2 * reach_x + 1), np.uint8))
    return cv2.resize(sure, size, interpolation=cv2.INTER_AREA if size[0] < columns else cv2.INTER_LINEAR)


def fill_and_blur(picture: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """[h, w, 3] float32 and weights [h, w] → [h, w, 3]: blurs that double in width and lose FAINT each, summed."""
    plain = FLOOR * _blur(cv2.merge([picture, np.ones_like(weight)]), sigma)  # [h, w, 4]
    total = _pyramid_sum(cv2.merge([picture * weight[..., None], weight]), sigma) + plain
    return total[..., :3] / total[..., 3:]


def _pyramid_sum(level: np.ndarray, sigma: float) -> np.ndarray:
    """blur(level) + FAINT x (the same of the level at half size, enlarged): [h, w, 4] float32."""
    total = _blur(level, sigma)
    rows, columns = level.shape[:2]
    if max(rows, columns) > 2:
        half = cv2.resize(level, ((columns + 1) // 2, (rows + 1) // 2), interpolation=cv2.INTER_AREA)
        total += FAINT * cv2.resize(_pyramid_sum(half, WORKING_SIGMA), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return total


def _blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
