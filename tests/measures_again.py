"""Gradient and connectivity errors written a second time, in plain Python and slowly, for tests to compare with: direct
2-D convolution, and union-find on whole 8-bit numbers."""

from __future__ import annotations

import math

import numpy as np


def gaussian(x: float) -> float:
    return math.exp(-x * x / (2 * 1.4**2)) / (1.4 * math.sqrt(2 * math.pi))


def kernel_2d() -> np.ndarray:
    """d/dx of a Gaussian of sigma 1.4 on 9 x 9 points, of unit L2 norm."""
    kernel = np.array([[-x / 1.4**2 * gaussian(x) * gaussian(y) for x in range(-4, 5)] for y in range(-4, 5)])
    return kernel / math.sqrt((kernel**2).sum())


def slopes(alpha: np.ndarray) -> np.ndarray:
    """Length of the gradient: true convolution, sample by sample, the nearest pixel where there is none."""
    height, width = alpha.shape
    across = kernel_2d()
    result = np.zeros(alpha.shape)
    for row in range(height):
        for column in range(width):
            rows = np.clip(row - np.arange(-4, 5), 0, height - 1)
            columns = np.clip(column - np.arange(-4, 5), 0, width - 1)
            window = alpha[np.ix_(rows, columns)].astype(float)
            result[row, column] = math.hypot((window * across).sum(), (window * across.T).sum())
    return result


def largest_region(inside: set) -> set:
    """The largest 4-connected part of a set of (row, column), by union-find; the first row by row of equal ones."""
    parents = {place: place for place in inside}

    def root(place):
        while parents[place] != place:
            place = parents[place]
        return place

    for row, column in sorted(inside):
        for neighbour in ((row - 1, column), (row, column - 1)):
            if neighbour in inside:
                first, second = sorted((root((row, column)), root(neighbour)))
                parents[second] = first  # the root is the region's first place
    regions: dict = {}
    for place in sorted(inside):
        regions.setdefault(root(place), set()).add(place)
    return max((regions[key] for key in sorted(regions)), key=len, default=set())


def connectivity(alpha: np.ndarray, truth: np.ndarray) -> float:
    """On 8-bit numbers, compared exactly: a/255 >= s/10 is 10a >= 255s, a/255 - s/10 >= 0.15 is 40a - 1020s >= 1530.

    The level of a pixel is the step before the first one at which it is not in the largest region.
    """
    pixels = [(int(row), int(column)) for row, column in np.ndindex(truth.shape)]
    level: dict = {}
    for step in range(1, 11):
        region = largest_region({p for p in pixels if 10 * int(min(alpha[p], truth[p])) >= 255 * step})
        for place in pixels:
            if place not in region:
                level.setdefault(place, step - 1)
    total = 0.0
    for place in pixels:
        step = level.get(place, 10)
        away = [
            int(a[place]) / 255 - step / 10 if 40 * int(a[place]) - 1020 * step >= 1530 else 0 for a in (alpha, truth)
        ]
        total += abs(away[0] - away[1])
    return total
