"""Labels and inputs made from a true alpha: trimaps of random width, and what a previous frame might have said."""

from __future__ import annotations

import cv2
import numpy as np

from shm_stream.trimap import Trimap

IGNORED = -100
"""Label of pixels that no loss counts (the default of torch's cross entropy)."""
EMPTY_PRIOR = 0.6
"""How often the prior channel says nothing."""
STEADY_PRIOR = 0.6
"""How often it comes from a frame that is nearly the same, where it says something: few cameras are moved about."""


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


def mask_labels(mask: np.ndarray, ring: int) -> np.ndarray:
    """[H, W] uint8 hard mask → [H, W] int64 class per pixel, or IGNORED.

    A hard mask says what is certain and nothing about edges, where it is a few pixels off itself: `ring` pixels on both
    sides of its edge are left out.
    """
    labels = trimap_labels(mask, ring)
    labels[labels == Trimap.UNKNOWN] = IGNORED
    return labels


def random_prior(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[H, W] uint8 alpha → [H, W] float32 0..1: the previous frame's alpha as seen from this one.

    Mostly empty, as in a first frame and because a prior makes the sample easy; else the true alpha, either from a
    steady camera or after motion, growth and more blur. Either may be wrong in places.
    """
    if rng.random() < EMPTY_PRIOR:
        return np.zeros(alpha.shape, np.float32)
    steady = rng.random() < STEADY_PRIOR
    prior = _moved(alpha, rng, 0.15) if steady else _moved(alpha, rng)
    radius = 0 if steady else int(rng.integers(0, max(2, len(prior) // 48)))
    if radius:
        prior = (cv2.erode if rng.random() < 0.5 else cv2.dilate)(prior, _disc(radius))
    prior = cv2.GaussianBlur(prior, (0, 0), rng.uniform(0.4, 1.0) if steady else rng.uniform(0.8, 2.5))
    for _ in range(rng.poisson(0.6)):
        _spoil(prior, rng)
    return prior.astype(np.float32) / 255


def _moved(alpha: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Turned, scaled and shifted at random, by about `strength` times 3 degrees, 4 % and 2.5 % of the sides."""
    height, width = alpha.shape
    scale = np.exp(rng.normal(0, 0.04 * strength))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 3 * strength), scale)
    spread = strength * (0.12 if rng.random() < 0.15 else 0.025)
    matrix[:, 2] += rng.normal(0, spread, 2) * (width, height)
    return cv2.warpAffine(alpha, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _spoil(prior: np.ndarray, rng: np.random.Generator) -> None:
    """Sets an ellipse to all or nothing: the previous frame may have been wrong."""
    height, width = prior.shape
    centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
    axes = tuple(int(v) for v in rng.integers(width // 24, width // 5, 2))
    cv2.ellipse(prior, centre, axes, float(rng.uniform(0, 180)), 0, 360, int(rng.choice((0, 255))), -1)


def rough_logits(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[S, S] uint8 alpha → [3, s, s] float32 logits as a T-Net at reduced size gives them.

    The width of the unknown band is random ("crucial" in the paper, section 4.4), and so are the reduction
    (2 to 10 pixels a cell), the confidence and small errors of place.
    """
    size = len(alpha)
    labels = trimap_labels(_shifted(alpha, rng), int(rng.integers(2, 22)))
    cells = max(4, round(size / np.exp(rng.uniform(np.log(2), np.log(10)))))
    classes = (labels[..., None] == np.arange(3)).astype(np.float32)
    share = cv2.resize(classes, (cells, cells), interpolation=cv2.INTER_AREA)
    share = cv2.GaussianBlur(share, (0, 0), rng.uniform(0.4, 1.2))
    floor = np.exp(rng.uniform(np.log(1e-4), np.log(3e-2)))
    logits = np.log(share + floor) + rng.normal(0, 0.25, share.shape)
    return np.ascontiguousarray(logits.transpose(2, 0, 1), dtype=np.float32)


def _shifted(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    matrix = np.array([[1, 0, rng.normal(0, 1.5)], [0, 1, rng.normal(0, 1.5)]])
    return cv2.warpAffine(alpha, matrix, alpha.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
