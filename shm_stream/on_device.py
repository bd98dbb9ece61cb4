"""What a frame has on a GPU while it goes through the engine's stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor
from torch.cuda import Event

from .colour import ColourTags
from .work import Work


@dataclass
class OnDevice:
    """What a work item has on the GPU."""

    frame: list[Tensor]
    """[H, W, 3] uint8 RGB, or planes Y, U, V"""
    logits: Tensor
    """[3, h, w] float32"""
    logits_ready: Event
    alpha_raw: Tensor | None = None
    """[H, W] float32"""
    background: list[Tensor] | None = None
    """What the frame is"""
    outputs_ready: Event | None = None
    replaced: list[Tensor] = field(default_factory=list)
    """What edits took the place of: the streams may still be reading it."""

    def replace(self, frame: list[Tensor], logits: Tensor, alpha_raw: Tensor) -> None:
        """Take others, and keep those before until the streams have read them."""
        self.replaced += [*self.frame, self.logits, self.alpha_raw]
        self.frame, self.logits, self.alpha_raw = frame, logits, alpha_raw


def tags_of(work: Work) -> ColourTags | None:
    """What the numbers of the frame's planes mean; None for RGB, where nobody asks."""
    return work.frame.planes.tags if work.frame.planes else None
