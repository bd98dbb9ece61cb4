"""Blur of the scene behind the subject, by normalised convolution: blur(I·w) / blur(w), w = "surely background".

Knutsson and Westin, "Normalized and Differential Convolution", CVPR 1993. Where no background is near, ever wider
blurs fill the hole smoothly, so the subject leaves neither its colours nor a dark spot.
"""

from __future__ import annotations

import cv2
import numpy as np

WORKING_SIGMA = 2.0
"""The picture is reduced until the wanted blur has this standard deviation, in pixels; smooth when enlarged."""
FAINT = 0.02
"""Weight of a fill level against the finer one before: it takes over softly where that one saw next to nothing."""
FLOOR = 1e-30
"""Weight of every pixel, so that a picture without any background is blurred as it is."""


def blurred_background(frame: np.ndarray, background_probability: np.ndarray, sigma: float) -> np.ndarray:
    """[H, W, 3] uint8 from frame [H, W, 3] uint8 and B_s [h, w] float32 in 0..1; `sigma` in pixels of the frame."""
    height, width = frame.shape[:2]
    shrink = max(1.0, sigma / WORKING_SIGMA)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    filled = fill_and_blur(small, sure_background(background_probability, size), sigma / shrink)
    small8 = np.clip(filled + 0.5, 0, 255).astype(np.uint8)
    return cv2.resize(small8, (width, height), interpolation=cv2.INTER_LINEAR)


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
