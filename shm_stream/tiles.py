"""Where M-Net can matter: squares of the frame whose unknown probability can change the 8-bit alpha.

|contribution of M-Net at a pixel| <= U_s, since alpha = F_s + U_s·alpha_raw. Where U_s stays below half an 8-bit
step M-Net need not run: whatever it said, alpha in 8 bits would change by at most one step.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from .trimap import Trimap

TILE = 128
"""Side of a tile in pixels, without halo."""
THRESHOLD = 0.5 / 255
"""Half an 8-bit step of alpha."""
_ENOUGH = np.float32(np.log(1 / THRESHOLD - 1))
"""`unknown_bound` of what is this certain is the threshold."""
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
    return 1 / (1 + np.exp(np.minimum(_certainty(logits), 80)))


def _certainty(logits: np.ndarray) -> np.ndarray:
    """[3, h, w] logits → [h+1, w+1]: the logarithm of the least that e^a + e^b can be."""
    safe = _within_limit(logits)
    leads = np.empty((3, safe.shape[1] + 2, safe.shape[2] + 2), np.float32)
    inner = leads[:, 1:-1, 1:-1]
    np.subtract(safe[Trimap.FOREGROUND], safe[Trimap.UNKNOWN], out=inner[0])
    np.subtract(safe[Trimap.BACKGROUND], safe[Trimap.UNKNOWN], out=inner[1])
    np.add((inner[0] + inner[1]) / 2, np.float32(np.log(2)), out=inner[2])
    leads[:, 0], leads[:, -1] = leads[:, 1], leads[:, -2]  # edges repeat
    leads[..., 0], leads[..., -1] = leads[..., 1], leads[..., -2]
    rows = np.minimum(leads[:, 1:], leads[:, :-1])
    return np.minimum(rows[..., 1:], rows[..., :-1]).max(axis=0)


def _within_limit(logits: np.ndarray) -> np.ndarray:
    """The logits as the kernels clamp them, which costs little when there is nothing to clamp."""
    if -LOGIT_LIMIT <= logits.min() and logits.max() <= LOGIT_LIMIT:  # false for NaN
        return logits
    return np.clip(np.nan_to_num(logits, nan=-LOGIT_LIMIT), -LOGIT_LIMIT, LOGIT_LIMIT)


def active_tiles(logits: np.ndarray, height: int, width: int, tile: int = TILE) -> list[tuple[int, int]]:
    """(top, left) of the tiles of a `height` x `width` frame that M-Net has to draw."""
    return [(int(y) * tile, int(x) * tile) for y, x in np.argwhere(active_grid(logits, height, width, tile))]


def active_blocks(logits: np.ndarray, height: int, width: int, block: int, *, most: float = 1.0) -> np.ndarray:
    """`active_grid` for blocks, of which 2x2 are wanted together: they draw more, in fewer and longer runs, which costs
    less (docs/shapes.png)."""
    squares = active_grid(logits, height, width, 2 * block, most=most)
    blocks = cv2.resize(squares, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(blocks[: -(-height // block), : -(-width // block)])


def active_grid(logits: np.ndarray, height: int, width: int, side: int, *, most: float = 1.0) -> np.ndarray:
    """[ceil(height / side), ceil(width / side)] uint8: 1 for squares of a frame that M-Net has to draw, else 0.

    `most`: share of them that may be 1. Where that is too little, the least uncertain ones are left out.
    """
    certainty = _certainty(logits)
    grid = _squares(certainty <= _ENOUGH, height, width, side).view(np.uint8)
    if grid.mean() <= most:
        return grid
    doubt = _squares(-certainty, height, width, side)
    left_out = doubt.size - int(most * doubt.size)
    return (doubt > np.partition(doubt, left_out - 1, axis=None)[left_out - 1]).view(np.uint8)


def _squares(cells: np.ndarray, height: int, width: int, side: int) -> np.ndarray:
    """Values of the cells [h+1, w+1] between samples → the largest that each square of the frame touches."""
    h, w = cells.shape[0] - 1, cells.shape[1] - 1
    rows = _most_in_ranges(cells, *_cell_ranges(height, h, side))
    columns = _most_in_ranges(np.ascontiguousarray(rows.T), *_cell_ranges(width, w, side))
    return np.ascontiguousarray(columns.T)


def _most_in_ranges(rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """[n, columns] → [ranges, columns]: maximum over the rows from `first` to `last`, for each range."""
    most = rows[first]
    for step in range(1, (last - first).max() + 1):
        np.maximum(most, rows[np.minimum(first + step, last)], out=most)
    return most


@functools.lru_cache(maxsize=16)
def _cell_ranges(pixels: int, samples: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """For each square along one side of the frame: the first and last cell that its pixels are sampled from."""
    first = np.arange(0, pixels, side)
    last = np.minimum(first + side, pixels) - 1
    begin, end = ((p + 0.5) * samples / pixels - 0.5 for p in (first, last))
    low, high = np.floor(begin - _SLACK) + 1, np.floor(end + _SLACK) + 1
    return np.maximum(low, 0).astype(np.intp), np.minimum(high, samples).astype(np.intp)
