"""Learning rate over a run, as a factor on the chosen rate."""

from __future__ import annotations

import math

WARM = 100
"""Steps of rise."""


def warm(step: int) -> float:
    """Linear rise, then constant."""
    return min(1.0, (step + 1) / WARM)


def warm_cosine(step: int, steps: int) -> float:
    """Linear rise, then half a cosine down to 1 %."""
    if step < WARM:
        return warm(step)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - WARM) / max(1, steps - WARM)))
