"""Matting by solving a linear system, given a trimap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shm_stream.errors import ShmStreamError
from shm_stream.trimap import Trimap


def solve(estimate: Callable, image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Alpha [H, W] float64 0..1 of `image` [H, W, 3] uint8 RGB for `trimap` [H, W] classes.

    `estimate` is one of pymatting's `estimate_alpha_*`. Solvers need foreground and background to go on from: without
    both, or with nothing unknown, unknown pixels are one half. Raises ShmStreamError when the solver finds no end.
    """
    levels = np.full(trimap.shape, 0.5)
    levels[trimap == Trimap.FOREGROUND] = 1
    levels[trimap == Trimap.BACKGROUND] = 0
    if len(np.unique(trimap)) < len(Trimap):
        return levels
    try:
        return np.clip(estimate(image / 255.0, levels), 0, 1)
    except ValueError as error:
        raise ShmStreamError(f"{estimate.__name__} failed on a test picture: {error}") from error
