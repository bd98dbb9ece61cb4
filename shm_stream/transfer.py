"""The sRGB curve (IEC 61966-2-1) between encoded values and linear light, going on beyond 0..1 on both sides.

0 is black and 1 white. Values above 1 (highlights of EXR files) follow the same formula, negative ones its mirror
image, so that nothing is clipped and a round trip gives back what went in.
"""

from __future__ import annotations

import cv2
import numpy as np

KNEE_ENCODED, KNEE_LINEAR = 0.04045, 0.0031308
"""Below these the curve is a straight line of slope 12.92."""


def linear_from_srgb(encoded: np.ndarray) -> np.ndarray:
    """float32 encoded values of any shape → linear light, float32, a new array."""
    size = np.abs(encoded)
    curve = ((size + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.copysign(np.where(size <= KNEE_ENCODED, size / np.float32(12.92), curve), encoded).astype(np.float32)


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    """The inverse of `linear_from_srgb`."""
    size = np.abs(linear)
    curve = np.float32(1.055) * size ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.copysign(np.where(size <= KNEE_LINEAR, size * np.float32(12.92), curve), linear).astype(np.float32)


def eight_bits(fine: np.ndarray) -> np.ndarray:
    """float32, 0 black to 1 white, or uint16, 0 to 65535 → uint8, rounded to the nearest and clipped."""
    if fine.dtype == np.uint16:
        return cv2.convertScaleAbs(fine, alpha=1 / 257)
    return levels(fine, 255).astype(np.uint8)


def in_depth(picture: np.ndarray, fine: bool) -> np.ndarray:
    """uint8 or float32 (0 to 1) → float32 if `fine`, else uint8; as it is when it is so already."""
    if fine == (picture.dtype == np.float32):
        return picture
    return picture * np.float32(1 / 255) if fine else eight_bits(picture)


def levels(fine: np.ndarray, highest: int) -> np.ndarray:
    """float32, 0 to 1 → float32 whole numbers from 0 to `highest`, rounded and clipped. NaN becomes 0."""
    return np.nan_to_num(np.rint(np.clip(fine * np.float32(highest), 0, highest)), copy=False)
