"""Where two chunks meet: they fit when the second began with what the last frame of the first left behind."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from .people import PersonState
from .prior import PriorState, prior_alpha

BEFORE, AFTER = "before", "after"
"""The state that a chunk's first frame met, and the one that its last frame left."""


def save_states(path: Path, before: PriorState | None, after: PriorState) -> None:
    """Write both to an .npz. `before`: None for a chunk that begins the shot."""
    np.savez(path, **_arrays(AFTER, after), **({} if before is None else _arrays(BEFORE, before)))


def load_state(path: Path, side: str) -> PriorState:
    """Read one of them. Raises OSError, ValueError or KeyError when it is not there."""
    with np.load(path) as file:
        names = {field.name for field in fields(PersonState)}
        person = {name: file[key] for name in names if (key := f"{side}_{name}") in file}
        person = PersonState(**person) if person else None
        return PriorState(file[f"{side}_picture"], file[f"{side}_logits"], person)


def _arrays(side: str, state: PriorState) -> dict[str, np.ndarray]:
    facts = {"picture": state.picture, "logits": state.logits, **(vars(state.person) if state.person else {})}
    return {f"{side}_{name}": value for name, value in facts.items() if value is not None}


def fits(first: Path, second: Path) -> bool:
    """Whether the chunk with the states in `second` continues the one before it without a seam."""
    left, met = load_state(first, AFTER), load_state(second, BEFORE)
    same_prior = np.array_equal(prior_alpha(left.logits), prior_alpha(met.logits))
    return same_prior and (left.person is None or left.person.same(met.person))
