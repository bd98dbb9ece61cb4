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
    state: PriorState | None = None
    """What it leaves behind for the next frame: what T-Net saw and said of it as it was filmed, whatever is done to
    alpha later, from `tnet`; who is followed, from `fuse`."""
    logits: np.ndarray | None = None
    """[3, h, w] float32, from `tnet`; edits of alpha put their own in its place."""
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
    new_scene: bool = False
    """The frame begins a scene, as far as T-Net's stage can tell."""
    mirrored: bool = False
    """Frame and outputs show it the other way round than it was filmed."""
    on_device: object = None
    """What `engine_cuda` keeps on the GPU."""
