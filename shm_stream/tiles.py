"""Where M-Net can matter: tiles of the frame whose unknown probability can change the 8-bit alpha.

|contribution of M-Net at a pixel| <= U_s, since alpha = F_s + U_s·alpha_raw. Where U_s stays below half an 8-bit
step M-Net need not run: whatever it said, alpha in 8 bits would change by at most one step.
"""

from __future__ import annotations

import numpy as np

from .trimap import Trimap

TILE = 128
"""Side of a tile in pixels, without halo."""
THRESHOLD = 0.5 / 255
"""Half an 8-bit step of alpha."""
LOGIT_LIMIT = np.float32(1e4)
"""The kernels clamp logits to this (kLogitLimit in csrc/fuse_math.h)."""
_SLACK = 1e-3
"""Logit samples: more than float32 rounding can move a pixel's place among them."""


def unknown_bound(logits: np.ndarray) -> np.ndarray:
    """[3, h, w] logits → [h+1, w+1] upper bound of U_s between neighbouring samples (cell 0 lies before sample 0).

    Within a cell the kernel's logits are convex combinations of its four corners. With a = F - U and b = B - U,
    U_s = 1 / (1 + e^a + e^b), and e^a + e^b is at least e^(min a), e^(min b) and, because the exponential is
    convex, 2·e^(min (a+b)/2). Testing the samples' own U_s would not do: between a sure foreground sample and a
    sure background sample the logits cross, and U_s is large there although it is tiny in both.
    """
    safe = np.clip(np.nan_to_num(logits, nan=-LOGIT_LIMIT), -LOGIT_LIMIT, LOGIT_LIMIT)
    a = safe[Trimap.FOREGROUND] - safe[Trimap.UNKNOWN]
    b = safe[Trimap.BACKGROUND] - safe[Trimap.UNKNOWN]
    log_two = np.float32(np.log(2))
    exponent = np.maximum(np.maximum(_cell_minimum(a), _cell_minimum(b)), _cell_minimum((a + b) / 2) + log_two)
    return 1 / (1 + np.exp(np.minimum(exponent, 80)))


def _cell_minimum(samples: np.ndarray) -> np.ndarray:
    """[h, w] → [h+1, w+1] minimum over the corners of each cell; edges repeat."""
    padded = np.pad(samples, 1, mode="edge")
    rows = np.minimum(padded[1:], padded[:-1])
    return np.minimum(rows[:, 1:], rows[:, :-1])


def active_tiles(logits: np.ndarray, height: int, width: int, tile: int = TILE) -> list[tuple[int, int]]:
    """(top, left) of the tiles of a `height` x `width` frame that M-Net has to draw."""
    bound = unknown_bound(logits)
    rows = [bound[a:b].max(0) for a, b in _cell_ranges(height, logits.shape[1], tile)]
    columns = _cell_ranges(width, logits.shape[2], tile)
    return [
        (y * tile, x * tile)
        for y, row in enumerate(rows)
        for x, (a, b) in enumerate(columns)
        if row[a:b].max() >= THRESHOLD
    ]


def _cell_ranges(pixels: int, samples: int, tile: int) -> list[tuple[int, int]]:
    """For each tile along one side: the half-open range of cells that its pixels are sampled from."""
    ranges = []
    for first in range(0, pixels, tile):
        last = min(first + tile, pixels) - 1
        begin, end = ((p + 0.5) * samples / pixels - 0.5 for p in (first, last))
        low = int(np.floor(begin - _SLACK)) + 1
        high = int(np.floor(end + _SLACK)) + 1
        ranges.append((max(low, 0), min(high, samples) + 1))
    return ranges
