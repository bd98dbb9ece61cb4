"""Where two chunks meet: they fit when the second began with what the last frame of the first left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .prior import PriorState
from .prior_state import pack, same_state, unpack

BEFORE, LAST = "before", "last"
"""Frames whose states are kept: the one before a chunk, and its last one."""


def save_states(path: Path, before: PriorState | None, last: PriorState) -> None:
    """Write both to an .npz. `before`: None for a chunk that begins the shot."""
    states = {LAST: last} if before is None else {BEFORE: before, LAST: last}
    np.savez(path, **{f"{frame}.{key}": array for frame, state in states.items() for key, array in pack(state).items()})


def load_state(path: Path, frame: str) -> PriorState:
    """What the frame BEFORE a chunk left, or its LAST one. Raises OSError, ValueError or TypeError without it."""
    with np.load(path) as file:
        return unpack({key.removeprefix(f"{frame}."): file[key] for key in file if key.startswith(f"{frame}.")})


def fits(first: Path, second: Path) -> bool:
    """Whether the chunk with the states in `second` continues the one before it without a seam."""
    return same_state(load_state(first, LAST), load_state(second, BEFORE))
