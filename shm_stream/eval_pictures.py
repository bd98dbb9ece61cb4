"""Pictures of a photo, its mattes and where they differ, small enough for a page."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from .errors import ShmStreamError

HEIGHT = 240
"""Pixels; smaller photos keep their size."""
WIDEST = 480
TOO_MUCH = np.array([255, 120, 40], np.float32)
"""RGB of alpha where the truth has none, as strong as it gets."""
TOO_LITTLE = np.array([60, 160, 255], np.float32)
"""RGB of missing alpha."""
JPEG_QUALITY = 85


def error_map(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 RGB: black where [H, W] alphas agree; brightness is the square root of the difference, since
    most differences are too small to be seen otherwise."""
    strength = np.sqrt(np.abs(alpha - truth))[..., None]
    colour = np.where((alpha > truth)[..., None], TOO_MUCH, TOO_LITTLE)
    return np.rint(strength * colour).astype(np.uint8)


def grey(alpha: np.ndarray) -> np.ndarray:
    """[H, W] alpha in 0..1 → [H, W] uint8."""
    return np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8)


def shrink(picture: np.ndarray) -> np.ndarray:
    """[H, W] or [H, W, 3] uint8, at most HEIGHT high and WIDEST wide, in its own proportions."""
    height, width = picture.shape[:2]
    scale = min(HEIGHT / height, WIDEST / width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def data_uri(picture: np.ndarray, kind: str) -> str:
    """[H, W] grey or [H, W, 3] RGB uint8 as `data:image/...`; `kind` is "jpeg" or "png". Shrinks it first."""
    small = shrink(picture)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    fine, data = cv2.imencode(f".{kind}", small, options)
    if not fine:
        raise ShmStreamError(f"a picture of {small.shape[1]}x{small.shape[0]} could not be encoded as {kind}")
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
