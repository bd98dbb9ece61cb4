"""Procedural fur: hundreds of short fine hairs along a stretch of a person's edge, with exact alpha.

A fur collar, wool, the rim of a knitted hat, short hair that stands up: hairs a few pixels long, locally alike in
direction, so dense that their roots cover what is behind and their tips let it through. `strands.py` draws long hair.
"""

from __future__ import annotations

import cv2
import numpy as np

from .strands import lay_over, outward

SCALE = 4
"""Hairs are drawn at this many times the size and averaged down: the finest is a quarter of a pixel wide."""
SHORTEST, LONGEST = 3, 12
"""Pixels that hairs stand out by, most of a stretch about alike."""
SHORTEST_LINE = 50
"""Points of an outline; shorter ones are specks and holes in a soft matte."""
SOLID = 170
"""Alpha of what hairs grow on: beside thin hair of the photo they would float."""
POINTS = 6
SHIFT = 4
"""Fractional bits of the points that OpenCV draws through."""


def add_fringe(colours: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[H, W, 3] uint8 straight colours and [H, W] uint8 alpha → the same with a fringe laid over a part of the edge.

    As they are where there is no edge, or only bits of one.
    """
    edge = _stretch(alpha, rng)
    if not len(edge):
        return colours, alpha
    paths, inner = _hairs(edge, outward(alpha), rng)
    x, y = np.clip(inner.round().astype(int), 0, np.array(alpha.shape[::-1]) - 1).T
    grows = alpha[y, x] > SOLID
    paths, shades = paths[grows], _shades(colours[y, x], rng)[grows]
    cover = np.zeros([side * SCALE for side in alpha.shape], np.uint8)
    paint = np.zeros((*cover.shape, 3), np.uint8)
    roots, tips = _fixed(paths[:, : POINTS // 2 + 1]), _fixed(paths[:, POINTS // 2 :])
    thick = rng.integers(1, 3, len(paths))
    light = rng.uniform(1.0, 1.25)
    for root, tip, shade, width in zip(roots, tips, shades, thick.tolist()):
        # roots lie in each other's shadow
        for part, colour, thickness in ((root, shade / light, width), (tip, shade, max(1, width - 1))):
            cv2.polylines(cover, [part], False, 255, thickness, cv2.LINE_8, SHIFT)
            cv2.polylines(paint, [part], False, np.clip(colour, 0, 255).tolist(), thickness, cv2.LINE_8, SHIFT)
    return lay_over(colours, alpha, cover, paint, rng.uniform(0.75, 1.0))


def _stretch(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N, 2] float64 points (x, y), one after the other on one outline of the person; N is 0 when there is none."""
    outlines, _ = cv2.findContours((alpha > 96).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lines = [_within(outline[:, 0], alpha.shape) for outline in outlines]
    lines = [line for line in lines if len(line) >= SHORTEST_LINE]
    if not lines:
        return np.zeros((0, 2))
    lengths = np.array([len(line) for line in lines])
    line = lines[rng.choice(len(lines), p=lengths / lengths.sum())]
    start = int(rng.integers(len(line)))
    return np.roll(line, -start, 0)[: int(rng.uniform(60, 260))].astype(np.float64)


def _within(outline: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Without the points where not the person ends but the picture."""
    height, width = shape
    x, y = outline.T
    return outline[(x > 1) & (y > 1) & (x < width - 2) & (y < height - 2)]


def _hairs(edge: np.ndarray, slope: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(paths [N, POINTS, 2] from root to tip, [N, 2] places x, y inside the person, under the roots)."""
    count = int(len(edge) * rng.uniform(2.5, 7))
    place = np.sort(rng.uniform(0, len(edge) - 1, count))
    foot = edge[place.astype(int)]
    normal = slope[foot[:, 1].astype(int), foot[:, 0].astype(int)]
    reach = _reach(place, len(edge), rng)
    depth = reach * rng.uniform(0.1, 0.9, count)
    # combed alike over some ten pixels, with a parting here and there
    combed = rng.normal(0, 0.4) + rng.uniform(0.2, 0.6) * _waves(place, rng, 14)
    heading = np.arctan2(normal[:, 1], normal[:, 0]) + combed + rng.normal(0, rng.uniform(0.08, 0.4), count)
    bend = rng.normal(0, 0.5) + rng.normal(0, rng.uniform(0.1, 0.7), count)
    headings = heading[:, None] + bend[:, None] * np.linspace(-0.3, 0.7, POINTS)
    steps = np.stack((np.cos(headings), np.sin(headings)), -1) * ((reach + depth) / (POINTS - 1))[:, None, None]
    steps[:, 0] = 0
    root = foot + rng.uniform(-0.5, 0.5, (count, 2)) - normal * depth[:, None]
    paths = root[:, None] + np.cumsum(steps, 1)
    return paths, foot - normal * (depth + 2)[:, None]


def _reach(place: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """[N] pixels that hairs stand out by: alike, in tufts, shorter towards both ends of the stretch."""
    most = np.exp(rng.uniform(np.log(SHORTEST + 1), np.log(LONGEST)))
    tufts = 1 + 0.3 * _waves(place, rng, 6)
    ends = np.minimum(1, np.minimum(place, length - 1 - place) / 12 + 0.2)
    return np.clip(most * tufts * ends * rng.uniform(0.35, 1.1, len(place)), 1, LONGEST)


def _waves(place: np.ndarray, rng: np.random.Generator, period: float) -> np.ndarray:
    """[N] about normal, smooth along the edge."""
    knots = np.arange(0, place[-1] + 2 * period, period)
    return np.interp(place, knots, rng.normal(0, 1, len(knots)))


def _shades(colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N, 3] colours of the person → about the same as float64, each hair a little lighter or darker."""
    return colours + rng.normal(0, 15) + rng.normal(0, 5, 3) + rng.normal(0, rng.uniform(6, 20), (len(colours), 1))


def _fixed(paths: np.ndarray) -> np.ndarray:
    """Pixels, whose centres are whole numbers → OpenCV's fixed-point places in the enlarged picture."""
    return np.round(((paths + 0.5) * SCALE - 0.5) * (1 << SHIFT)).astype(np.int32)
