"""What a frame leaves to the next one, as arrays on disk, and compared: parts of a video are made apart."""

from __future__ import annotations

import numpy as np

from .people import PersonState
from .prior import PriorState, alpha_of, prior_alpha, softmax

STEP = 1 / 255
ARRAYS = ("picture", "logits", "smoothed", "shown")
PERSON = "person."


def pack(state: PriorState) -> dict[str, np.ndarray]:
    """Name → array, for `unpack`."""
    arrays = {name: getattr(state, name) for name in ARRAYS if getattr(state, name) is not None}
    for number, before in enumerate(state.before):
        arrays |= {f"before{number}.picture": before.picture, f"before{number}.logits": before.logits}
    person = {} if state.person is None else vars(state.person)
    return arrays | {f"{PERSON}{name}": value for name, value in person.items() if value is not None}


def unpack(arrays: dict[str, np.ndarray]) -> PriorState:
    """What `pack` was given."""
    count = sum(name.startswith("before") and name.endswith(".picture") for name in arrays)
    before = tuple(PriorState(arrays[f"before{n}.picture"], arrays[f"before{n}.logits"]) for n in range(count))
    person = {name.removeprefix(PERSON): array for name, array in arrays.items() if name.startswith(PERSON)}
    known = {name: arrays[name] for name in ARRAYS if name in arrays}
    return PriorState(**known, before=before, person=PersonState(**person) if person else None)


def same_state(one: PriorState, other: PriorState) -> bool:
    """Whether the frames after both get the same mattes, within a step of 255.

    The priors must be equal, and who is followed. Smoothing forgets how it began as a sum does, and need only be near.
    """
    states = (one, *one.before), (other, *other.before)
    if one.person is not None and not one.person.same(other.person):
        return False
    if len(states[0]) != len(states[1]) or (one.smoothed is None) != (other.smoothed is None):
        return False
    if not all(np.array_equal(prior_alpha(a.logits), prior_alpha(b.logits)) for a, b in zip(*states)):
        return False
    return one.smoothed is None or _distance(one.smoothed, other.smoothed) <= STEP / 2


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference between the alphas of two logits."""
    return float(np.abs(alpha_of(softmax(one)) - alpha_of(softmax(other))).max())
