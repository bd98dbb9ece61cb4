"""One picture on its way from source to sink."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(slots=True)
class Frame:
    """A decoded frame. Sources never change one after handing it over."""

    pixels: np.ndarray
    """[H, W, 3] uint8 RGB, upright (rotation applied)."""
    index: int
    """Position in what the source delivers, from 0."""
    pts: int
    """Presentation time in units of `time_base`; 0 for the first moment of the output."""
    time_base: Fraction
    """Seconds per unit of `pts` and `duration`."""
    duration: int
    """How long the frame is shown, in units of `time_base`."""
    stem: str | None = None
    """File name without extension, when the frame is a file of its own."""

    @property
    def pts_seconds(self) -> float:
        return float(self.pts * self.time_base)
