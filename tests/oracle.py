"""The operations in float64 numpy, written from their definition and sharing no code with the package."""

from __future__ import annotations

import numpy as np
from media import COEFFICIENTS


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


def rgb_of_planes(y, u, v, matrix: int, full: bool, *, smooth: bool) -> np.ndarray:
    """[H, W, 3] float64 RGB in 0..255, not clamped. Chroma is bilinear (`smooth`) or one colour a site."""
    return rgb_of_yuv(y, *(_spread(plane, y.shape, smooth) for plane in (u, v)), matrix, full)


def rgb_of_yuv(y, u, v, matrix: int, full: bool) -> np.ndarray:
    """The same for three planes of one size, by H.273."""
    kr, kb = COEFFICIENTS[matrix]
    luma = y.astype(np.float64) if full else (y - 16.0) * 255 / 219
    pb, pr = ((plane - 128.0) * (1 if full else 255 / 224) for plane in (u, v))
    red, blue = luma + 2 * (1 - kr) * pr, luma + 2 * (1 - kb) * pb
    return np.dstack([red, (luma - kr * red - kb * blue) / (1 - kr - kb), blue])


def planes_of_rgb(rgb: np.ndarray, matrix: int, full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Y [H, W], U, V [ceil(H/2), ceil(W/2)] float64, not rounded: chroma is the mean over its site."""
    kr, kb = COEFFICIENTS[matrix]
    red, green, blue = np.moveaxis(rgb, -1, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    scale = 1 if full else 224 / 255
    chroma = [(blue - luma) / (2 * (1 - kb)) * scale + 128, (red - luma) / (2 * (1 - kr)) * scale + 128]
    return (luma if full else luma * 219 / 255 + 16), *(site_mean(plane) for plane in chroma)


def site_mean(plane: np.ndarray) -> np.ndarray:
    """[H, W] → [ceil(H/2), ceil(W/2)]: mean over the pixels that each 2x2 site has."""
    height, width = plane.shape
    padded = np.full((height + height % 2, width + width % 2), np.nan)
    padded[:height, :width] = plane
    return np.nanmean(padded.reshape(padded.shape[0] // 2, 2, -1, 2), axis=(1, 3))


def _spread(plane: np.ndarray, size: tuple[int, int], smooth: bool) -> np.ndarray:
    """Chroma at every pixel, float64."""
    if not smooth:
        return np.kron(plane.astype(np.float64), np.ones((2, 2)))[: size[0], : size[1]]
    rows, columns = (_interpolation(2 * sites, sites) for sites in plane.shape)
    return (rows @ plane.astype(np.float64) @ columns.T)[: size[0], : size[1]]
