"""The subject as the controls want it: its picture and its alpha, between drawing and compositing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .controls import NEUTRAL, Controls
from .edges import Bounds, edit_alpha
from .fuse_arguments import Picture
from .light import despilled, wrapped
from .placement import placed, placed_alpha


@dataclass
class Subject:
    """What is composited over the background."""

    alpha: np.ndarray
    """[H, W] float32 in 0..1"""
    picture: Picture | None = None
    """RGB, float32 RGB or planes, for composites."""
    foreground: np.ndarray | None = None
    """[H, W, 3] straight colours, uint8 or float32, for outputs that want them."""
    bounds: Bounds = Bounds()
    """Which no edit of alpha leaves."""


def edit_subject(subject: Subject, controls: Controls, background: Picture | None) -> Subject:
    """A new subject; `background` is what it will stand before, None when nothing is composited."""
    picture, foreground, place = subject.picture, subject.foreground, controls.place
    if controls.despill and picture is not None:
        picture = despilled(picture, subject.alpha, controls.despill)
    alpha = subject.bounds.apply(edit_alpha(subject.alpha, controls))
    if place != NEUTRAL.place:
        alpha = placed_alpha(alpha, place)
        picture, foreground = (None if colours is None else placed(colours, place) for colours in (picture, foreground))
    if controls.light_wrap and picture is not None:
        picture = wrapped(picture, alpha, background, controls.light_wrap)
    return Subject(alpha, picture, foreground)
