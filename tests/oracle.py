"""The operations in float64 numpy, written from their definition and sharing no code with the package."""

from __future__ import annotations

import numpy as np


def probabilities(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Softmax [3, height, width] of the clamped logits, sampled bilinearly with half-pixel centres."""
    clean = np.clip(np.where(np.isnan(logits), -1e4, logits).astype(np.float64), -1e4, 1e4)
    rows = _interpolation(height, logits.shape[1])
    columns = _interpolation(width, logits.shape[2])
    sampled = rows @ clean @ columns.T
    powers = np.exp(sampled - sampled.max(axis=0))
    return powers / powers.sum(axis=0)


def _interpolation(size: int, source: int) -> np.ndarray:
    """[size, source] weights of linear interpolation."""
    position = np.clip((np.arange(size) + 0.5) * source / size - 0.5, 0, source - 1)
    return np.clip(1 - np.abs(position[:, None] - np.arange(source)), 0, 1)


def fuse(logits, alpha_raw, frame=None, background=None):
    """(alpha [H, W] float64, composite [H, W, 3] float64 not rounded, or None)."""
    p = probabilities(logits, *alpha_raw.shape)
    raw = np.clip(np.where(np.isnan(alpha_raw), 0, alpha_raw).astype(np.float64), 0, 1)
    alpha = p[0] + p[2] * raw
    if frame is None:
        return alpha, None
    return alpha, alpha[..., None] * frame + (1 - alpha[..., None]) * background


def gather(frame, logits, top, left, height, width) -> np.ndarray:
    """[6, height, width] float64."""
    planes = np.concatenate([frame.transpose(2, 0, 1) / 255, probabilities(logits, *frame.shape[:2])])
    rows = np.clip(np.arange(top, top + height), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, frame.shape[1] - 1)
    return planes[:, rows][:, :, columns]
