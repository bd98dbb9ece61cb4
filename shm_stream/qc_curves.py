"""Curves over the time of a shot as SVG, and the marks of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from .qc_statistics import Figures

POINTS = 240
"""A curve has at most so many: more are not seen at its width."""
WIDTH, HEIGHT = 1000, 100
"""Of the coordinates; the page stretches them."""
CURVES = (("coverage", "coverage", 100, 1), ("flicker", "flicker", 1000, 1), ("uncertain", "uncertain", 100, 1))
"""Series, title, factor of the printed numbers and their decimals."""
UNITS = {"coverage": "%", "flicker": "‰", "uncertain": "%"}


def curve_rows(figures: Figures, marks: Sequence[int]) -> str:
    """A label and an SVG for each of CURVES; `marks` are frames to be marked by a line."""
    return "".join(_row(figures, marks, *curve) for curve in CURVES)


def _row(figures: Figures, marks: Sequence[int], series: str, title: str, factor: float, decimals: int) -> str:
    values = np.array(getattr(figures, series))
    top = values.max()
    told = f"up to {top * factor:.{decimals}f} {UNITS[series]}"
    lines = "".join(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>' for x in _places(marks, len(values)))
    area = curve_path(fold(values), top)
    # the label beside it says the same to those who do not see it
    drawing = f'<path d="{area}"/>{lines}'
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{drawing}</svg>'
    return f'<div class="label">{escape(title)}<small>{escape(told)}</small></div><div class="curve">{svg}</div>'


def _places(marks: Sequence[int], count: int) -> list[float]:
    return [(mark + 0.5) / count * WIDTH for mark in marks]


def fold(values: np.ndarray) -> np.ndarray:
    """At most POINTS values: the greatest of each stretch, so that no spike is lost."""
    if len(values) <= POINTS:
        return values
    starts = np.arange(POINTS) * len(values) // POINTS
    return np.maximum.reduceat(values, starts)


def curve_path(values: np.ndarray, top: float) -> str:
    """The outline of the area below a curve that reaches HEIGHT at `top`."""
    centres = (np.arange(len(values)) + 0.5) / len(values) * WIDTH
    heights = HEIGHT - values / (top or 1) * (HEIGHT - 4)
    xs, ys = [0, *centres, WIDTH], [heights[0], *heights, heights[-1]]
    points = " ".join(f"{x:.0f} {y:.1f}" for x, y in zip(xs, ys))
    return f"M0 {HEIGHT} L{points} L{WIDTH} {HEIGHT}Z"
