"""Labels and inputs made from a true alpha: trimaps of random width, and what a previous frame might have said."""

from __future__ import annotations

import cv2
import numpy as np

from shm_stream.trimap import Trimap


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def trimap_labels(alpha: np.ndarray, radius: int) -> np.ndarray:
    """[H, W] uint8 alpha → [H, W] int64 class per pixel (channel order of `Trimap`).

    What is certain by alpha shrinks by `radius` pixels; everything between is unknown.
    """
    kernel = _disc(radius)
    certain = cv2.erode((alpha >= 243).astype(np.uint8), kernel)
    empty = cv2.erode((alpha <= 12).astype(np.uint8), kernel)
    labels = np.full(alpha.shape, int(Trimap.UNKNOWN), np.int64)
    labels[certain > 0] = Trimap.FOREGROUND
    labels[empty > 0] = Trimap.BACKGROUND
    return labels


def random_prior(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[H, W] uint8 alpha → [H, W] float32 0..1: the previous frame's alpha as seen from this one.

    Half the time empty, as in a first frame; else the true alpha after motion, growth, blur and loss.
    """
    if rng.random() < 0.5:
        return np.zeros(alpha.shape, np.float32)
    prior = _moved(alpha, rng)
    radius = int(rng.integers(0, max(2, len(prior) // 48)))
    if radius:
        prior = (cv2.erode if rng.random() < 0.5 else cv2.dilate)(prior, _disc(radius))
    prior = cv2.GaussianBlur(prior, (0, 0), rng.uniform(0.8, 2.5))
    for _ in range(rng.poisson(0.6)):
        _spoil(prior, rng)
    return prior.astype(np.float32) / 255


def _moved(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = alpha.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 3), np.exp(rng.normal(0, 0.04)))
    spread = 0.12 if rng.random() < 0.15 else 0.025
    matrix[:, 2] += rng.normal(0, spread, 2) * (width, height)
    return cv2.warpAffine(alpha, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _spoil(prior: np.ndarray, rng: np.random.Generator) -> None:
    """Sets an ellipse to all or nothing: the previous frame may have been wrong."""
    height, width = prior.shape
    centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
    axes = tuple(int(v) for v in rng.integers(width // 24, width // 5, 2))
    cv2.ellipse(prior, centre, axes, float(rng.uniform(0, 180)), 0, 360, int(rng.choice((0, 255))), -1)
