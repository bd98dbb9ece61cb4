"""Learning rate over a run."""

from __future__ import annotations

import math


def warm_cosine(step: int, steps: int, warm: int = 100) -> float:
    """Factor on the learning rate: linear rise over `warm` steps, then half a cosine down to 1 %."""
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
