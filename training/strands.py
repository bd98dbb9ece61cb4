"""Procedural hair: fine curved strands that grow out of a person's edge, with exact alpha.

Mattes made from photos are softer than real hair: they hardly hold a strand one pixel wide. These do.
"""

from __future__ import annotations

import cv2
import numpy as np

SCALE = 3
"""Strands are drawn at this many times the size and averaged down, so that they may be a third of a pixel wide."""


def add_strands(colours: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[H, W, 3] uint8 straight colours and [H, W] uint8 alpha → the same with 10 to 140 strands laid over."""
    rows, columns = np.nonzero((alpha > 40) & (alpha < 215))
    if len(rows) < 40:
        return colours, alpha
    height, width = alpha.shape
    cover = np.zeros((height * SCALE, width * SCALE), np.uint8)
    paint = np.zeros((height * SCALE, width * SCALE, 3), np.uint8)
    slope = outward(alpha)
    shade = rng.normal(0, 18, 3)
    for index in _roots(len(rows), rng):
        root = np.array([columns[index], rows[index]], np.float64)
        inner = np.clip(root - 6 * slope[rows[index], columns[index]], 0, (width - 1, height - 1)).astype(int)
        colour = np.clip(colours[inner[1], inner[0]] + shade + rng.normal(0, 8, 3), 0, 255)
        path = _curve(root, slope[rows[index], columns[index]], rng)
        _draw(cover, paint, path, colour, rng)
    return lay_over(colours, alpha, cover, paint, rng.uniform(0.5, 1.0))


def outward(alpha: np.ndarray) -> np.ndarray:
    """[H, W, 2] unit vectors (x, y) that point out of the person."""
    smooth = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 4)
    slope = -np.stack((cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)), -1)
    return slope / (np.linalg.norm(slope, axis=-1, keepdims=True) + 1e-3)


def _roots(count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of edge pixels; neighbours in the list are neighbours on the edge, so strands come in tufts."""
    tufts = rng.integers(0, count, rng.integers(1, 6))
    spread = rng.normal(0, count / 12, (len(tufts), rng.integers(8, 28)))
    return np.clip(tufts[:, None] + spread, 0, count - 1).astype(int).ravel()


def _curve(root: np.ndarray, outward: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[12, 2] points: starts inside, runs outwards, bends steadily."""
    length = np.exp(rng.uniform(np.log(8), np.log(90)))
    angle = np.arctan2(outward[1], outward[0]) + rng.normal(0, 0.6)
    headings = angle + np.linspace(0, rng.normal(0, 1.1), 12)
    steps = np.stack((np.cos(headings), np.sin(headings)), -1) * length / 11
    return root - 4 * outward + np.cumsum(steps, 0)


def _draw(cover: np.ndarray, paint: np.ndarray, path: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> None:
    """The outer half is drawn thinner than the inner one."""
    thick = int(rng.integers(1, 7))
    points = np.round(path * SCALE).astype(np.int32)
    for part, thickness in ((points[:7], thick), (points[6:], max(1, thick // 2))):
        cv2.polylines(cover, [part], False, 255, thickness)
        cv2.polylines(paint, [part], False, colour.tolist(), thickness)


def lay_over(colours, alpha, cover, paint, opacity: float) -> tuple[np.ndarray, np.ndarray]:
    """The over-operator on straight colours."""
    size = alpha.shape[::-1]
    share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    # paint is black where nothing was drawn: its average is already multiplied by the share
    light = cv2.resize(paint, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    below = alpha[..., None].astype(np.float32) / 255 * (1 - share * opacity)
    whole = share * opacity + below
    mixed = (light * opacity + below * colours) / np.maximum(whole, 1e-4)
    mixed = np.where(whole > 1e-3, mixed, colours)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8), np.clip(whole[..., 0] * 255 + 0.5, 0, 255).astype(np.uint8)
