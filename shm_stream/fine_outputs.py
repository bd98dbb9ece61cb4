"""Outputs of more than 8 bits, from a frame's fine picture and the fused alpha."""

from __future__ import annotations

import cv2
import numpy as np

from .foreground import estimate_foreground
from .frame import Frame


def fine_outputs(frame: Frame, alpha: np.ndarray, kinds, background: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Kind → float32, 0 to 1 (colours beyond, where the frame has such), for each of `kinds`.

    alpha       [H, W] float32 in 0..1
    background  [H, W, 3] uint8 or float32 RGB, needed for "composite"

    "composite" and "foreground" are [H, W, 3], "alpha" is [H, W], "transparent" [H, W, 4] straight.
    """
    made = {}
    if "composite" in kinds:
        made["composite"] = fine_composite(frame.fine, alpha, background)
    if {"foreground", "transparent"} & set(kinds):
        made["foreground"] = estimate_foreground(frame.fine, alpha)
    if "transparent" in kinds:
        made["transparent"] = np.dstack([made["foreground"], alpha])
    if "alpha" in kinds:
        made["alpha"] = alpha
    return {kind: made[kind] for kind in kinds}


def fine_composite(fine: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
    """alpha * fine + (1 - alpha) * background: [H, W, 3] and [H, W] float32, [H, W, 3] uint8 or float32
    → [H, W, 3] float32.

    In the source's encoding, as 8-bit composites are, so that both look the same.
    """
    behind = background if background.dtype == np.float32 else background * np.float32(1 / 255)
    return behind + cv2.merge([alpha] * 3) * (fine - behind)
