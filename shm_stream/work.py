"""What goes through the stages of an engine."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from .buffers import Canvas
from .frame import Frame
from .prior import PriorState
from .yuv_planes import YuvPlanes


@dataclass(slots=True)
class Work:
    """A frame on its way through the stages, and what they made of it."""

    frame: Frame
    begun_seconds: float = field(default_factory=time.perf_counter)
    """By `time.perf_counter`: when the frame was decoded."""
    reduced: np.ndarray | None = None
    """[h, w, 3] uint8 RGB, what T-Net saw, from `tnet`."""
    logits: np.ndarray | None = None
    """[3, h, w] float32, from `tnet`; later stages replace them by steadier or edited ones."""
    steadied: np.ndarray | None = None
    """[3, h, w] float32, as M-Net was given them, of the frame as it was filmed: no edit of alpha changes these."""
    left: PriorState | None = None
    """What the next frame needs to know of this one, from `tnet`; who is followed, from `fuse`."""
    alpha_raw: np.ndarray | None = None
    """[H, W] float32 in 0..1, from `mnet`."""
    outputs: dict[str, np.ndarray | YuvPlanes] = field(default_factory=dict)
    """From `fuse`: composite and foreground [H, W, 3] uint8 RGB, alpha [H, W] uint8, transparent [H, W, 4] uint8.
    The composite of an engine that is `planar` is YuvPlanes when the frame is."""
    borrowed: list[np.ndarray] = field(default_factory=list)
    """Arrays of the engine's pool that go back to it with `release`."""
    canvas: Canvas | None = None
    """What `alpha_raw` is drawn on by runners that draw blocks; goes back with `release`."""
    taken_at: float = field(default_factory=time.perf_counter)
    """When the source handed the frame over."""
    trimap: np.ndarray | None = None
    """[H, W] uint8 drawn by a user, which stands in for T-Net."""
    pauses: int = 0
    """How often the job had paused, because nobody watched, when the source handed the frame over."""
    after_pause: bool = False
    """Frames before it were thrown away because nobody watched: what was remembered is old."""
    new_scene: bool = False
    """The frame begins a scene, as far as T-Net's stage can tell."""
    mirrored: bool = False
    """Frame and outputs show it the other way round than it was filmed."""
    on_device: object = None
    """What `engine_cuda` keeps on the GPU."""
