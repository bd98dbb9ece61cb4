"""Gradient and connectivity error with scipy's filters and labels in place of ours.

`measures_again.py` writes the definitions a second time, but it is our own reading of them. Here the parts that one can
get wrong are somebody else's: the derivative of a Gaussian is `scipy.ndimage.gaussian_filter`, connected regions are
`scipy.ndimage.label`.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm_stream.measures import compare, connected_level, connectivity_error, derivative_kernels, gradient_error

ndimage = pytest.importorskip("scipy.ndimage")

SIGMA, REACH = 1.4, 4
sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def two_mattes(size, seed) -> list[np.ndarray]:
    """[H, W] float32 each: blobs with soft edges and holes, which agree in places."""
    rng = np.random.default_rng(seed)
    truth = np.clip(3 * ndimage.gaussian_filter(rng.normal(0, 1, size), 2.5) + 0.4, 0, 1)
    alpha = np.clip(truth + 0.6 * ndimage.gaussian_filter(rng.normal(0, 1, size), 1), 0, 1)
    return [np.float32(np.round(a * 255)) / np.float32(255) for a in (alpha, truth)]


def slopes(alpha: np.ndarray) -> np.ndarray:
    """Length of the gradient; scipy's kernels sum to one (smoothing), ours have unit length in L2."""
    along = [
        ndimage.gaussian_filter(alpha.astype(np.float64), SIGMA, order=order, mode="nearest", radius=REACH)
        for order in ((0, 1), (1, 0))
    ]
    return np.hypot(*along) / norm()


def norm() -> float:
    """L2 norm of scipy's two-dimensional derivative kernel, as its answer to a single 1."""
    point = np.zeros((4 * REACH + 1,) * 2)
    point[2 * REACH, 2 * REACH] = 1
    return float(np.linalg.norm(ndimage.gaussian_filter(point, SIGMA, order=(0, 1), radius=REACH)))


def levels(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The highest of 0, 0.1 … 1 up to which a pixel stays in the largest region that both alphas share."""
    level, inside = np.zeros(truth.shape), np.ones(truth.shape, bool)
    for step in range(1, 11):
        labels, count = ndimage.label(np.minimum(alpha, truth) >= np.float32(step / 10))  # four neighbours by default
        if count == 0:
            break
        inside &= labels == 1 + np.argmax(ndimage.sum_labels(labels > 0, labels, np.arange(1, count + 1)))
        level[inside] = step / 10
    return level


def connectivity(alpha: np.ndarray, truth: np.ndarray) -> float:
    away = [a.astype(np.float64) - levels(alpha, truth) for a in (alpha, truth)]
    near = [1 - np.where(d >= 0.15, d, 0) for d in away]
    return float(np.abs(near[0] - near[1]).sum())


def test_the_kernels_are_scipys():
    derivative, smoothing = derivative_kernels()
    assert len(derivative) == len(smoothing) == 2 * REACH + 1
    point = np.zeros((4 * REACH + 1,) * 2)
    point[2 * REACH, 2 * REACH] = 1
    answer = ndimage.gaussian_filter(point, SIGMA, order=(0, 1), radius=REACH)[REACH:-REACH, REACH:-REACH]
    # a convolution turns the kernel round: its sign says which way is up, and lengths do not ask
    assert np.abs(answer / norm()) == pytest.approx(np.abs(np.outer(smoothing, derivative)), abs=1e-12)


@few
@given(sizes, seeds)
def test_gradient_error_is_that_of_scipys_filters(size, seed):
    alpha, truth = two_mattes(size, seed)
    wanted = ((slopes(alpha) - slopes(truth)) ** 2).sum()
    assert gradient_error(alpha, truth) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@few
@given(sizes, seeds)
def test_connectivity_error_is_that_of_scipys_labels(size, seed):
    alpha, truth = two_mattes(size, seed)
    assert connected_level(alpha, truth) == pytest.approx(levels(alpha, truth))
    assert connectivity_error(alpha, truth) == pytest.approx(connectivity(alpha, truth), abs=1e-4)


def test_both_on_a_matte_of_some_size():
    """Several regions at many levels: nothing of this is trivially zero."""
    alpha, truth = two_mattes((180, 240), 5)
    found = compare(alpha, truth)
    assert found.gradient == pytest.approx(((slopes(alpha) - slopes(truth)) ** 2).sum(), rel=1e-6)
    assert found.connectivity == pytest.approx(connectivity(alpha, truth), rel=1e-6)
    assert found.gradient > 100 and found.connectivity > 1000 and len(np.unique(levels(alpha, truth))) > 5
