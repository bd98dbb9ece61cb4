"""Alpha made tighter, wider, harder or softer. Lengths are in thousandths of the frame's height."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .background_blur import shrink_factor, working_size
from .controls import Controls

PER_HEIGHT = 1 / 1000


@dataclass(frozen=True)
class Bounds:
    """Between which values alpha may be; None: 0 and 1."""

    lowest: np.ndarray | None = None
    """[H, W] float32 in 0..1"""
    highest: np.ndarray | None = None
    """[H, W] float32 in 0..1; counts more than `lowest`."""

    def apply(self, alpha: np.ndarray) -> np.ndarray:
        """[H, W] float32, within the bounds."""
        if self.lowest is not None:
            alpha = np.maximum(alpha, self.lowest)
        return alpha if self.highest is None else np.minimum(alpha, self.highest)


def edit_alpha(alpha: np.ndarray, controls: Controls) -> np.ndarray:
    """[H, W] float32 in 0..1 → the same, after `threshold`, `shrink` and `feather`, in this order."""
    pixels = alpha.shape[0] * PER_HEIGHT
    if controls.threshold != (0.0, 100.0):
        alpha = stretch_levels(alpha, *(level / 100 for level in controls.threshold))
    if controls.shrink:
        alpha = move_edge(alpha, controls.shrink * pixels)
    if controls.feather:
        alpha = soften(alpha, controls.feather * pixels)
    return alpha


def stretch_levels(alpha: np.ndarray, low: float, high: float) -> np.ndarray:
    """`low` becomes 0 and `high` 1, linear between. Equal levels make a hard edge: 1 from there on."""
    if high - low < 1 / 1024:
        return (alpha >= low if low > 0 else alpha > 0).astype(np.float32)
    return np.clip((alpha - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)


def move_edge(alpha: np.ndarray, pixels: float) -> np.ndarray:
    """Inwards by `pixels`, outwards when negative. Between whole pixels the neighbours are mixed, so that a slider
    moves the edge without steps."""
    morph = cv2.erode if pixels > 0 else cv2.dilate
    whole, part = divmod(abs(pixels), 1)
    near = morph(alpha, _disc(int(whole)))
    if part == 0:
        return near
    return cv2.addWeighted(near, 1 - part, morph(alpha, _disc(int(whole) + 1)), part, 0)


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def soften(plane: np.ndarray, sigma: float) -> np.ndarray:
    """[H, W] or [H, W, channels] → the same blurred; `sigma` in pixels. Wide blurs are made of a smaller copy."""
    size = plane.shape[1::-1]
    small_size = working_size(size, sigma)
    small = plane if small_size == size else cv2.resize(plane, small_size, interpolation=cv2.INTER_AREA)
    # a reach of three deviations: OpenCV's own choice for float pictures is four, which shows nowhere
    reach = 2 * math.ceil(3 * sigma / shrink_factor(sigma)) + 1
    small = cv2.GaussianBlur(small, (reach, reach), sigma / shrink_factor(sigma), borderType=cv2.BORDER_REPLICATE)
    return small if small_size == size else cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
