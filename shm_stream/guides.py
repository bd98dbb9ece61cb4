"""What a user says about where people are: a trimap, regions to keep and to leave out, which person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .edges import Bounds
from .errors import InputError
from .frame import Frame
from .masks import open_mask
from .people import CHOICES, PersonChoice, PersonState
from .placement import mirrored


@dataclass
class Guides:
    """Opened masks and a choice of person; the default says nothing.

    T-Net's stage reads the trimap, the fuse stage all others.
    """

    trimap: object = None
    """In the place of T-Net's; see `masks.open_mask`."""
    holdout: object = None
    """Where nobody is, from 0 to 255."""
    keep: object = None
    """Where somebody is, from 0 to 255."""
    person: PersonChoice | None = None

    @property
    def edits(self) -> bool:
        """Whether alpha is changed after it was drawn."""
        return any(guide is not None for guide in (self.holdout, self.keep, self.person))

    def choose(self, alpha: np.ndarray, new_scene: bool) -> np.ndarray:
        """[H, W] float32: only the chosen person."""
        if self.person is None:
            return alpha
        if new_scene:
            self.person.reset()
        return self.person(alpha)

    @property
    def followed(self) -> PersonState | None:
        """Who was followed up to the last frame; None: everybody is kept."""
        return self.person and self.person.state

    def resume(self, followed: PersonState | None) -> None:
        """Go on following who was followed before the next frame."""
        if self.person is not None and followed is not None:
            self.person.state = followed

    def bounds(self, frame: Frame, mirror: bool) -> Bounds:
        """For a frame, which was mirrored or not."""
        keep, holdout = (None if mask is None else _share(mask.at(frame), mirror) for mask in (self.keep, self.holdout))
        return Bounds(keep, None if holdout is None else 1 - holdout)

    def close(self) -> None:
        """Close the masks. The stages must have ended."""
        for mask in (self.trimap, self.holdout, self.keep):
            if mask is not None:
                mask.close()


def open_guides(options, source) -> Guides:
    """What a job's options ask for. Raises InputError."""
    check_person(options.person)
    asked = {"trimap": options.trimap, "holdout": options.holdout, "keep": options.keep}
    masks = {name: _open(path, name, source, options) for name, path in asked.items() if path is not None}
    return Guides(**masks, person=None if options.person == "all" else PersonChoice(options.person))


def _open(path, name: str, source, options):
    """A mask, from that of the job's first frame on."""
    part = options.part
    if part is not None:
        start, duration = part.mask_cuts.get(name, (0.0, None))
        return open_mask(path, name, source, first=part.first, start_seconds=start, duration_seconds=duration)
    cut = {"start_seconds": options.start, "duration_seconds": options.duration, "max_frames": options.frames}
    return open_mask(path, name, source, **cut)


def _share(mask: np.ndarray, mirror: bool) -> np.ndarray:
    """[H, W] uint8 → float32 in 0..1."""
    return (mirrored(mask) if mirror else mask) * np.float32(1 / 255)


def check_person(person: str) -> None:
    """Raises InputError for what is no choice."""
    if person not in CHOICES:
        raise InputError(f"person is one of {', '.join(CHOICES)}, got '{person}'")
