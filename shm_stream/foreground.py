"""Straight foreground colours F of I = α·F + (1-α)·B, so that the old background leaves no rim.

Blur fusion: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, equations 4 to 7, in two passes. The
wide pass runs on a reduced picture, the narrow one at full size on the tiles that hold soft pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

WIDE_RADIUS = 90 / 1080
"""Radius of the first pass as a share of the picture's shorter side (the paper's 90 pixels at 1080 lines)."""
NARROW_RADIUS = 6 / 1080
REDUCED_SIDE = 180
"""Shorter side of the reduced picture, in pixels."""
TILE = 128
EPSILON = 1e-5


def estimate_foreground(frame: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 straight colours from frame [H, W, 3] uint8 and alpha [H, W], uint8 0..255 or float32 0..1.

    Where alpha is 1 the frame's own values are kept. Where it is 0 the subject's colours are continued outwards and
    fade to black, so that scaling or compressing the result draws no dark rim into the edge.
    """
    if alpha.dtype == np.uint8:
        alpha = alpha * np.float32(1 / 255)
    alpha = np.ascontiguousarray(alpha, np.float32)
    opaque = alpha >= 254.5 / 255
    if opaque.all():
        return frame.copy()
    height, width = alpha.shape
    wide_foreground, wide_background = _wide_pass(frame, alpha)
    result = cv2.resize(wide_foreground, (width, height), interpolation=cv2.INTER_LINEAR)  # continues outwards
    result = cv2.convertScaleAbs(result)
    cv2.copyTo(frame, opaque.view(np.uint8), result)
    radius = max(1, round(NARROW_RADIUS * min(height, width)))
    for rows, columns in _soft_tiles(alpha, opaque):
        _narrow_pass(frame, alpha, wide_foreground, wide_background, rows, columns, radius, result)
    return result


def _wide_pass(frame: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reduced F and B, [h, w, 3] float32 in 0..255, after the first pass."""
    height, width = alpha.shape
    shrink = max(1.0, min(height, width) / REDUCED_SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small_alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    radius = max(1, round(WIDE_RADIUS * min(size)))
    return blur_fusion(small, small, small, small_alpha, radius)


def blur_fusion(image, foreground, background, alpha, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """One pass: better F, and the blurred B. Colours [h, w, 3] float32 in 0..255, alpha [h, w] float32 in 0..1."""
    kernel, weight = (2 * radius + 1, 2 * radius + 1), cv2.merge([alpha, alpha, alpha])  # [h, w, 3]
    blurred_alpha = cv2.blur(weight, kernel)
    foreground = cv2.blur(foreground * weight, kernel) / (blurred_alpha + EPSILON)
    background = cv2.blur(background * (1 - weight), kernel) / (1 - blurred_alpha + EPSILON)
    foreground += weight * (image - weight * foreground - (1 - weight) * background)
    return np.clip(foreground, 0, 255, out=foreground), background


def _soft_tiles(alpha: np.ndarray, opaque: np.ndarray):
    """(rows, columns) slices of the tiles in which some pixel is neither 0 nor 1."""
    soft = (alpha > 0.5 / 255) & ~opaque
    height, width = alpha.shape
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tile = slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
            if soft[tile].any():
                yield tile


def _narrow_pass(frame, alpha, wide_foreground, wide_background, rows, columns, radius: int, result) -> None:
    """Second pass on one tile, read with a margin of `radius`; soft pixels of `result` are overwritten."""
    height, width = alpha.shape
    top, left = max(rows.start - radius, 0), max(columns.start - radius, 0)
    window = slice(top, min(rows.stop + radius, height)), slice(left, min(columns.stop + radius, width))
    image = frame[window].astype(np.float32)
    colours = [_enlarged(wide, window, (height, width)) for wide in (wide_foreground, wide_background)]
    estimate, _ = blur_fusion(image, *colours, alpha[window], radius)
    inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    share = alpha[rows, columns]
    soft = ((share > 0.5 / 255) & (share < 254.5 / 255)).view(np.uint8)
    cv2.copyTo(cv2.convertScaleAbs(estimate[inner]), soft, result[rows, columns])


def _enlarged(wide: np.ndarray, window, shape: tuple[int, int]) -> np.ndarray:
    """The part of the reduced picture that `window` of the full one shows, bilinearly: [h, w, 3] float32."""
    scale_y, scale_x = wide.shape[0] / shape[0], wide.shape[1] / shape[1]
    rows, columns = window
    size = columns.stop - columns.start, rows.stop - rows.start
    shift_x, shift_y = ((part.start + 0.5) * scale - 0.5 for part, scale in ((columns, scale_x), (rows, scale_y)))
    matrix = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(wide, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
