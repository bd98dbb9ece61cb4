"""How long frames are on their way, as percentiles over any number of frames in little memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

SMALLEST_MS = 0.01
STEP = 1.01
"""Ratio of neighbouring classes: a percentile is exact to one percent."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds between the moment a frame was decoded and the moment its pictures were handed to the outputs."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


class LatencyCounter:
    """Counts every frame in one of some thousand classes of equal ratio."""

    def __init__(self):
        self._counts: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count one frame."""
        position = round(math.log(max(seconds * 1000, SMALLEST_MS) / SMALLEST_MS, STEP))
        self._counts[position] = self._counts.get(position, 0) + 1

    def summary(self) -> Latency | None:
        """None when no frame was counted."""
        if not self._counts:
            return None
        return Latency(*(self._percentile(share) for share in (0.50, 0.95, 0.99)))

    def _percentile(self, share: float) -> float:
        """The smallest class that, with all below it, holds that share of the frames (nearest rank)."""
        left = math.ceil(share * sum(self._counts.values()))
        for position in sorted(self._counts):
            left -= self._counts[position]
            if left <= 0:
                break
        return SMALLEST_MS * STEP**position
