"""A part of a video that is made apart from the rest, and joined with it later without a seam."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
    frames: int | None = None
    """How many frames after the lead-in are written; those after them only steady the last ones. None: all."""
    first: int = 0
    """Which frame of the whole the first one is, from 0."""
    mask_cuts: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    """Option of a job → which seconds of its video of masks belong to the part: start, counted from the video's first
    frame, and duration; None: up to its end."""

    def writes(self, frame: Frame) -> bool:
        """Whether a frame that is none of the lead-in belongs to the part."""
        return self.frames is None or frame.index < self.lead_in + self.frames

    def place(self, frame: Frame) -> Frame:
        """The frame with its time in the whole."""
        return replace(frame, pts=frame.pts + self.pts) if self.pts else frame
