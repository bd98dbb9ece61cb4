"""One picture on its way from source to sink."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from .planes import rgb_from_planes
from .yuv_planes import YuvPlanes, picture_size


@dataclass(slots=True)
class Frame:
    """A decoded frame. Sources never change one after handing it over."""

    picture: np.ndarray | YuvPlanes
    """[H, W, 3] uint8 RGB, or the planes that a decoder gave; upright (rotation applied)."""
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
    fine_picture: np.ndarray | None = None
    """[H, W, 3] float32 RGB, 0 black to 1 white, of sources with more than 8 bits; `picture` is its 8-bit copy."""
    _converted: np.ndarray | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def planes(self) -> YuvPlanes | None:
        """What the decoder gave, or None when the frame is RGB from the start."""
        return self.picture if isinstance(self.picture, YuvPlanes) else None

    @property
    def pixels(self) -> np.ndarray:
        """[H, W, 3] uint8 RGB, converted from the planes when it is asked for first."""
        if not isinstance(self.picture, YuvPlanes):
            return self.picture
        if self._converted is None:
            self._converted = rgb_from_planes(self.picture)
        return self._converted

    @property
    def fine(self) -> np.ndarray:
        """[H, W, 3] float32 RGB, 0 black to 1 white and beyond, as precise as the source gave it."""
        return self.pixels * np.float32(1 / 255) if self.fine_picture is None else self.fine_picture

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return picture_size(self.picture)

    @property
    def pts_seconds(self) -> float:
        return float(self.pts * self.time_base)
