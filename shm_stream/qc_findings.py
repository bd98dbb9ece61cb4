"""What in the figures of a shot deserves a look: moments at which a person should check the matte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .qc_statistics import EDGES, Figures

LONG_ENOUGH = 5
"""Frames that a state must last to be believed."""
NOBODY = 0.003
"""Coverage below which there is nobody. Faces 1/20 of the picture wide cover as much."""
GONE = 0.1
"""Share of a shot's usual coverage below which its subject counts as gone."""
TOUCHING, CLEAR = 0.08, 0.02
"""Shares of an edge that a subject covers: at least, to touch it; at most, not to."""
SPIKE, SPIKE_NEIGHBOURS = 0.03, 8
"""A spike of flicker is at least that share of the coverage, and SPIKE_RATIO times the median of so many frames before
and after it. In 24 clips of moving people flicker is about 1 % of the coverage, in quick gestures up to 3 %."""
SPIKE_RATIO = 4.0
WEIGHTS = {"nobody": 8, "gone": 4, "flicker": 3, "edge": 2, "cut": 1}
"""How much each kind says about whether a shot needs a look."""
LABELS = {
    "nobody": "nobody found",
    "gone": "subject leaves",
    "flicker": "flicker",
    "edge": "touches an edge",
    "cut": "scene cut",
}
MOMENTS = ("gone", "flicker", "edge", "cut")
"""Kinds that happen at a frame; the others are about a shot as a whole."""


@dataclass(frozen=True)
class Finding:
    """Something to look at."""

    kind: str
    """A key of LABELS."""
    index: int
    """The first frame of it."""
    text: str
    """What it is, without the time."""


def find(figures: Figures) -> list[Finding]:
    """All findings of a shot in the order of their frames."""
    if not len(figures):
        return []
    coverage = np.array(figures.coverage)
    if coverage.max() < NOBODY:
        return [Finding("nobody", 0, "nobody found")]
    found = [*_cuts(figures), *_gone(coverage), *_spikes(figures, coverage)]
    for edge in EDGES:
        found += _touches(edge, np.array(getattr(figures, edge)), np.array(figures.cut))
    return sorted(found, key=lambda finding: finding.index)


def weight(findings: list[Finding]) -> int:
    """How much a shot needs a look; each kind counts once and its repetitions a little."""
    kinds = {finding.kind for finding in findings}
    return 10 * sum(WEIGHTS[kind] for kind in kinds) + min(9, len(findings))


def _cuts(figures: Figures) -> Iterator[Finding]:
    for index in np.flatnonzero(figures.cut):
        yield Finding("cut", int(index), "scene cut")


def _gone(coverage: np.ndarray) -> Iterator[Finding]:
    """Runs without a subject in a shot that has one."""
    usual = np.percentile(coverage, 90)
    for start, end in runs(coverage < max(NOBODY, GONE * usual)):
        if end - start >= LONG_ENOUGH:
            yield Finding("gone", start, "subject leaves" if start else "begins without a subject")


def _spikes(figures: Figures, coverage: np.ndarray) -> Iterator[Finding]:
    """Frames whose flicker stands out from that of their neighbours."""
    flicker = np.array(figures.flicker)
    for index in np.flatnonzero(flicker > SPIKE * np.maximum(coverage, NOBODY)):
        around = flicker[max(0, index - SPIKE_NEIGHBOURS) : index + SPIKE_NEIGHBOURS + 1]
        if flicker[index] == around.max() and flicker[index] > SPIKE_RATIO * np.median(around):
            yield Finding("flicker", int(index), "flicker spike")


def _touches(edge: str, share: np.ndarray, cut: np.ndarray) -> Iterator[Finding]:
    """The subject reaches an edge that it was clear of when the scene began."""
    scenes = [0, *np.flatnonzero(cut), len(share)]
    for begin, end in zip(scenes, scenes[1:]):
        if share[begin] > CLEAR:
            continue
        for start, stop in runs(share[begin:end] > TOUCHING):
            if stop - start >= LONG_ENOUGH:
                yield Finding("edge", int(begin + start), f"touches the {edge} edge")
                break


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """[start, end) of each stretch of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in zip(steps[::2], steps[1::2])]
