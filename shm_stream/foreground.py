"""Straight foreground colours F of I = α·F + (1-α)·B, so that the old background leaves no rim.

Blur fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021), with both colours corrected and with
a small radius on every level of a pyramid, from coarse to fine, as Germer et al. do for their solver ("Fast
Multi-Level Foreground Estimation", ICPR 2020). Measured against known composites this is three times closer than
two passes with fixed radii and as close as that solver. The two finest levels only touch tiles with soft pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

RADIUS = 2
"""Of the blur on each level, in that level's pixels."""
COARSEST = 8
"""The pyramid ends when a side is no longer than this."""
WHOLE = 300
"""Levels whose shorter side is longer than this are worked on in tiles."""
TILE = 96
EPSILON = 1e-5
TRANSPARENT, OPAQUE = 0.5 / 255, 254.5 / 255
"""Alpha beyond these limits is 0 or 1 in eight bits."""
OUTWARD = 0.04
"""How far colours go on outside the edge before they fade, as a share of the shorter side."""


def estimate_foreground(frame: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[H, W, 3] straight colours from frame [H, W, 3] and alpha [H, W], uint8 0..255 or float32 0..1.

    The colours have the frame's form: uint8, or float32 where 1 is white and more is kept.

    Where alpha is 1 the frame's own values are kept. Where it is 0 the subject's colours are continued outwards and
    fade to black, so that scaling or compressing the result draws no dark rim into the edge.
    """
    if alpha.dtype == np.uint8:
        alpha = alpha * np.float32(1 / 255)
    alpha = np.ascontiguousarray(alpha, np.float32)
    if frame.dtype == np.float32:
        return _estimate(frame * np.float32(255), alpha) * np.float32(1 / 255)
    return _estimate(frame, alpha)


def _estimate(frame: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours of a frame in 0..255, uint8 or float32, in its dtype."""
    opaque = alpha > OPAQUE
    if opaque.all():
        return frame.copy()
    levels = _pyramid(frame, alpha)
    foreground, background = _coarse_to_fine(levels[1:] or levels)
    result = _outward(foreground, levels, frame.shape)
    cv2.copyTo(frame, opaque.view(np.uint8), result)
    for tile in _soft_tiles(alpha):
        window, inner = _with_margin(tile, alpha.shape)
        colours = [_enlarged(colour, window, alpha.shape) for colour in (foreground, background)]
        estimate, _ = blur_fusion(frame[window].astype(np.float32), *colours, alpha[window])
        soft = (alpha[tile] > TRANSPARENT) & (alpha[tile] < OPAQUE)
        cv2.copyTo(_in_form(estimate[inner], frame.dtype), soft.view(np.uint8), result[tile])
    return result


def blur_fusion(image, foreground, background, alpha) -> tuple[np.ndarray, np.ndarray]:
    """One step: better F and B. Colours [h, w, 3] float32, 255 is white, alpha [h, w] float32 in 0..1.

    Forte's equations 4 to 7; where no foreground (or background) is near, the old estimate stays.
    """
    kernel, share = (2 * RADIUS + 1, 2 * RADIUS + 1), cv2.merge([alpha, alpha, alpha])  # [h, w, 3]
    rest, blurred = 1 - share, cv2.blur(share, kernel)
    foreground = (cv2.blur(foreground * share, kernel) + EPSILON * foreground) / (blurred + EPSILON)
    background = (cv2.blur(background * rest, kernel) + EPSILON * background) / (1 - blurred + EPSILON)
    missing = image - share * foreground - rest * background
    foreground += share * missing
    background += rest * missing
    highest = max(255, image.max(initial=0))  # highlights of a fine picture may lie above white
    return np.clip(foreground, 0, highest, out=foreground), np.clip(background, 0, highest, out=background)


def _pyramid(frame: np.ndarray, alpha: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(frame, alpha) at full size, half, a quarter, ..."""
    levels = [(frame, alpha)]
    while min(levels[-1][1].shape) > COARSEST:
        rows, columns = levels[-1][1].shape
        size = (columns + 1) // 2, (rows + 1) // 2
        levels.append(tuple(cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in levels[-1]))
    return levels


def _coarse_to_fine(levels) -> tuple[np.ndarray, np.ndarray]:
    """F and B at the size of the first of `levels`."""
    foreground = background = levels[-1][0].astype(np.float32)
    for picture, alpha in reversed(levels):
        size = alpha.shape[1], alpha.shape[0]
        foreground, background = (
            cv2.resize(colour, size, interpolation=cv2.INTER_LINEAR) for colour in (foreground, background)
        )
        if min(size) <= WHOLE:
            foreground, background = blur_fusion(picture.astype(np.float32), foreground, background, alpha)
        else:
            foreground, background = _fused_in_tiles(picture, foreground, background, alpha)
    return foreground, background


def _fused_in_tiles(picture, foreground, background, alpha) -> tuple[np.ndarray, np.ndarray]:
    """`blur_fusion` where alpha is soft; elsewhere the estimates stay as they are."""
    results = foreground.copy(), background.copy()
    for tile in _soft_tiles(alpha):
        window, inner = _with_margin(tile, alpha.shape)
        image = picture[window].astype(np.float32)
        fused = blur_fusion(image, foreground[window], background[window], alpha[window])
        for result, part in zip(results, fused, strict=True):
            result[tile] = part[inner]
    return results


def _soft_tiles(alpha: np.ndarray):
    """(rows, columns) slices of the tiles in which some pixel is neither 0 nor 1."""
    soft = cv2.inRange(alpha, TRANSPARENT, OPAQUE)
    height, width = alpha.shape
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tile = slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
            if soft[tile].any():
                yield tile


def _with_margin(tile, shape: tuple[int, int]):
    """The tile grown by the blur's radius, and where the tile lies within that."""
    grown = tuple(
        slice(max(part.start - RADIUS, 0), min(part.stop + RADIUS, whole))
        for part, whole in zip(tile, shape, strict=True)
    )
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(tile, grown, strict=True)
    )
    return grown, inner


def _enlarged(reduced: np.ndarray, window, shape: tuple[int, int]) -> np.ndarray:
    """The part of the reduced picture that `window` of the full one shows, bilinearly: [h, w, 3] float32."""
    rows, columns = window
    scale_y, scale_x = reduced.shape[0] / shape[0], reduced.shape[1] / shape[1]
    size = columns.stop - columns.start, rows.stop - rows.start
    shift_x, shift_y = ((part.start + 0.5) * scale - 0.5 for part, scale in ((columns, scale_x), (rows, scale_y)))
    matrix = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(reduced, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _in_form(colours: np.ndarray, dtype) -> np.ndarray:
    """float32 colours as they are, or rounded to uint8."""
    return colours if dtype == np.float32 else cv2.convertScaleAbs(colours)


def _outward(foreground: np.ndarray, levels, shape: tuple[int, ...]) -> np.ndarray:
    """[H, W, 3] in the frame's dtype: the reduced estimate at full size, fading to black away from the subject."""
    alpha = levels[min(3, len(levels) - 1)][1]
    reach = max(1, round(OUTWARD * min(alpha.shape)))
    near = cv2.dilate((alpha > TRANSPARENT).astype(np.float32), np.ones((4 * reach + 1, 4 * reach + 1), np.uint8))
    fade = cv2.blur(near, (2 * reach + 1, 2 * reach + 1), borderType=cv2.BORDER_REPLICATE)
    fade = cv2.resize(fade, (foreground.shape[1], foreground.shape[0]), interpolation=cv2.INTER_LINEAR)
    faded = _in_form(foreground * fade[..., None], levels[0][0].dtype)
    return cv2.resize(faded, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
