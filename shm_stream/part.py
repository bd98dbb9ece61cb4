"""A part of a video that is made apart from the rest, and joined with it later without a seam."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .frame import Frame
from .prior import PriorState


@dataclass(frozen=True)
class Part:
    """Where a job's frames lie in the whole."""

    lead_in: int = 0
    """How many of the first frames are not written: they only bring the prior to where it would be in the whole."""
    pts: int = 0
    """Of the first frame, lead-in or not, in units of the video's time base."""
    prior: PriorState | None = None
    """What the frame before the first one left behind, if that is known."""

    def place(self, frame: Frame) -> Frame:
        """The frame with its time in the whole."""
        return replace(frame, pts=frame.pts + self.pts) if self.pts else frame
