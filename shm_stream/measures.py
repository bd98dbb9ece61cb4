"""How far an alpha is from the truth: SAD, MSE, gradient and connectivity error, MAD, mean IoU.

Gradient and connectivity error follow Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting"
(CVPR 2009). Every array is [H, W]; alphas are floating point in 0..1. `mask` ([H, W] bool) restricts a measure to
some pixels, such as `unknown_band`; filters and connected regions still see the whole picture.

Two systems of units are in use. `Errors` gives both:

paper  Semantic Human Matting: sums divided by the pixel count; SAD and MSE x 1e3, gradient and connectivity x 1e5
rvm    Robust Video Matting: MAD and MSE (means) x 1e3; gradient and connectivity are sums / 1000

So the paper's SAD is RVM's MAD, and MSE is the same in both. RVM also stretches each alpha to 0..1 before its
gradient error; here alphas are taken as they are, which is the same wherever they reach from 0 to 1.

Every function raises InputError for arrays that do not fit together, hold NaN or leave 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .errors import InputError

GRADIENT_SIGMA = 1.4
KERNEL_CUTOFF = 0.01
"""The derivative filter ends where the Gaussian falls below this."""
CONNECTIVITY_LEVELS = 10
"""Thresholds 0.1, 0.2, ... 1.0."""
CONNECTIVITY_THETA = 0.15
"""Smaller distances to the connected region count as connected."""
RANGE_SLACK = 1e-4
"""How far rounding may carry an alpha out of 0..1."""


@dataclass(frozen=True)
class Errors:
    """What a prediction got wrong, in raw sums over `pixels` pixels."""

    pixels: int
    absolute: float
    square: float
    gradient: float
    connectivity: float

    @property
    def paper(self) -> dict[str, float]:
        """`sad`, `mse` (per pixel, x 1e3), `grad`, `conn` (per pixel, x 1e5)."""
        per_pixel = {"sad": 1e3 * self.absolute, "mse": 1e3 * self.square}
        per_pixel |= {"grad": 1e5 * self.gradient, "conn": 1e5 * self.connectivity}
        return {name: value / self.pixels for name, value in per_pixel.items()}

    @property
    def rvm(self) -> dict[str, float]:
        """`mad`, `mse` (means x 1e3), `grad`, `conn` (sums / 1000)."""
        means = {"mad": 1e3 * self.absolute / self.pixels, "mse": 1e3 * self.square / self.pixels}
        return means | {"grad": self.gradient / 1e3, "conn": self.connectivity / 1e3}


def compare(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> Errors:
    """All four errors of `alpha` against `truth`."""
    check_alphas(alpha, truth, mask)
    pixels = truth.size if mask is None else np.count_nonzero(mask)
    return Errors(
        pixels,
        mean_absolute_difference(alpha, truth, mask) * pixels,
        mean_square_error(alpha, truth, mask) * pixels,
        gradient_error(alpha, truth, mask),
        connectivity_error(alpha, truth, mask),
    )


def mean_absolute_difference(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean of |alpha - truth|, 0..1."""
    check_alphas(alpha, truth, mask)
    return float(_inside(np.abs(np.subtract(alpha, truth, dtype=np.float64)), mask).mean())


def mean_square_error(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean of (alpha - truth)², 0..1."""
    check_alphas(alpha, truth, mask)
    return float(_inside(np.subtract(alpha, truth, dtype=np.float64) ** 2, mask).mean())


def gradient_error(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Sum of (|∇alpha| - |∇truth|)², with the derivatives of a Gaussian of sigma 1.4 as ∇ and edges repeated."""
    check_alphas(alpha, truth, mask)
    return float(_inside((_gradient(alpha) - _gradient(truth)) ** 2, mask).sum())


def connectivity_error(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Sum of |φ(alpha) - φ(truth)|: how differently the two hang on to the largest region they share.

    l is the highest of the thresholds 0, 0.1, ... 1 up to which a pixel stays in the largest 4-connected region
    where both alphas reach the threshold. φ(a) = 1 - d for d = a - l of at least 0.15, else 1.
    """
    check_alphas(alpha, truth, mask)
    level = connected_level(alpha, truth)
    distances = [_far(np.asarray(a, np.float64) - level) for a in (alpha, truth)]
    return float(_inside(np.abs(distances[0] - distances[1]), mask).sum())


def connected_level(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """[H, W] float64: the level l of `connectivity_error`."""
    level = np.zeros(truth.shape)
    connected = np.ones(truth.shape, bool)
    both = np.minimum(alpha, truth, dtype=np.float32)
    for step in range(1, CONNECTIVITY_LEVELS + 1):
        threshold = np.float32(step / CONNECTIVITY_LEVELS)
        connected &= _largest_region(both >= threshold)
        level[connected] = step / CONNECTIVITY_LEVELS
    return level


def mean_iou(alpha: np.ndarray, person: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean of the IoU of person and of background at alpha >= 0.5, 0..1. A class absent in both counts 1.

    person  [H, W] bool, the true hard mask
    """
    check_alphas(alpha, person, mask)
    if person.dtype != bool:
        raise InputError(f"person must be [H, W] bool, got {person.dtype}; compare it with a threshold first")
    said, person = _inside(alpha >= 0.5, mask), _inside(person, mask)
    scores = []
    for a, b in ((said, person), (~said, ~person)):
        union = np.count_nonzero(a | b)
        scores.append(np.count_nonzero(a & b) / union if union else 1.0)
    return float(np.mean(scores))


def unknown_band(truth: np.ndarray, radius: int = 10) -> np.ndarray:
    """[H, W] bool: pixels at most `radius` pixels (in a square) from one that is neither fully in nor fully out."""
    check_alpha("truth", truth)
    if radius < 0:
        raise InputError(f"radius must be 0 or more, got {radius}")
    soft = ((truth > 0) & (truth < 1)).astype(np.uint8)
    return cv2.dilate(soft, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)).astype(bool)


def check_alphas(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> None:
    """Raise InputError unless the arrays are alphas of one size, and `mask` fits them and is not empty."""
    check_alpha("alpha", alpha)
    check_alpha("truth", truth)
    if alpha.shape != truth.shape:
        raise InputError(f"alpha {list(alpha.shape)} and truth {list(truth.shape)} differ in size; scale one of them")
    if mask is not None and (mask.dtype != bool or mask.shape != truth.shape or not mask.any()):
        raise InputError(f"mask must be [H, W] bool of the size {list(truth.shape)} with at least one pixel set")


def check_alpha(name: str, array: np.ndarray) -> None:
    """Raise InputError unless `array`, called `name` in the message, is [H, W] bool or floating point in 0..1."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fb" or array.ndim != 2 or array.size == 0:
        found = f"{list(array.shape)} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"{name} must be [H, W] floating point in 0..1, got {found}; divide 8-bit alpha by 255")
    lowest, highest = array.min(), array.max()
    # NaN fails every comparison, so this is asked the positive way
    if not (lowest >= -RANGE_SLACK and highest <= 1 + RANGE_SLACK):
        raise InputError(f"{name} must lie in 0..1, got {float(lowest):g} to {float(highest):g}")


def derivative_kernels() -> tuple[np.ndarray, np.ndarray]:
    """(derivative, smoothing) of a Gaussian, [9] float64 each; their outer product has unit L2 norm."""
    floor = math.sqrt(2 * math.pi) * GRADIENT_SIGMA * KERNEL_CUTOFF
    reach = math.ceil(GRADIENT_SIGMA * math.sqrt(-2 * math.log(floor)))
    x = np.arange(-reach, reach + 1)
    smoothing = np.exp(-(x**2) / (2 * GRADIENT_SIGMA**2))
    derivative = x * smoothing
    return derivative / np.linalg.norm(derivative), smoothing / np.linalg.norm(smoothing)


def _gradient(alpha: np.ndarray) -> np.ndarray:
    """[H, W] float64: the length of the smoothed gradient."""
    derivative, smoothing = derivative_kernels()
    alpha = np.asarray(alpha, np.float64)
    repeat = {"borderType": cv2.BORDER_REPLICATE}
    return np.hypot(
        cv2.sepFilter2D(alpha, cv2.CV_64F, derivative, smoothing, **repeat),
        cv2.sepFilter2D(alpha, cv2.CV_64F, smoothing, derivative, **repeat),
    )


def _largest_region(where: np.ndarray) -> np.ndarray:
    """[H, W] bool → its largest 4-connected region; of equal ones the one that is met first, row by row."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(where.astype(np.uint8), connectivity=4)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    return labels == 1 + sizes.argmax() if sizes.size else np.zeros_like(where)


def _far(distance: np.ndarray) -> np.ndarray:
    return np.where(distance >= CONNECTIVITY_THETA, distance, 0)


def _inside(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    return values if mask is None else values[mask]
