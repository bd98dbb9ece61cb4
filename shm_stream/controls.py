"""What can be changed about a picture while a job runs: edges, position, mirror, freeze. Values only."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace

from .errors import InputError

LARGEST = sys.float_info.max
"""Whole numbers in JSON may be larger."""
HOLDS = ("none", "freeze", "slate")
LARGEST_SHRINK = 30.0
RANGES = {
    "feather": (0.0, 50.0),
    "shrink": (-LARGEST_SHRINK, LARGEST_SHRINK),
    "despill": (0.0, 100.0),
    "light_wrap": (0.0, 100.0),
    "temporal": (0.0, 100.0),
    "threshold": (0.0, 100.0),
}
"""Lowest and highest value of what is a number; of each of the two numbers of `threshold`."""
MOST_LOOKAHEAD = 8
"""Frames: a quarter of a second at 30 a second, and the mean of more is hardly steadier."""
PLACE_RANGES = ((-100.0, 100.0), (-100.0, 100.0), (0.1, 4.0))
UNITS = {"feather": "thousandths of the frame's height", "shrink": "thousandths of the frame's height"}


@dataclass(frozen=True)
class Controls:
    """One setting of everything; the default changes nothing. Raises InputError for what is out of range."""

    feather: float = 0.0
    """Standard deviation of the blur of alpha, 0 to 50 thousandths of the frame's height."""
    shrink: float = 0.0
    """How far the edge moves inwards, -30 to 30 thousandths of the frame's height; negative: outwards."""
    threshold: tuple[float, float] = (0.0, 100.0)
    """Percent of alpha that become 0 and 1; linear between."""
    despill: float = 0.0
    """How much of the old background's colour is taken out of soft edges, in percent."""
    light_wrap: float = 0.0
    """How much of the new background's light falls on the edges, in percent."""
    mirror: bool = False
    """Left and right of the frame change places; the background stays."""
    place: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """(x, y, scale): to the right in percent of the width, down in percent of the height, size about the middle of
    the lower edge."""
    hold: str = "none"
    """`freeze` repeats the composite at hand, `slate` shows a still card instead of it."""
    temporal: float = 0.0
    """How much of the frame before is mixed into the trimap where both pictures agree, in percent."""

    def __post_init__(self):
        for name in ("feather", "shrink", "despill", "light_wrap", "temporal"):
            self._store(name, _number(name, getattr(self, name), RANGES[name]))
        levels = _numbers("threshold", self.threshold, (RANGES["threshold"],) * 2)
        if levels[0] > levels[1]:
            raise InputError(f"threshold {levels[0]:g},{levels[1]:g} is the wrong way round: give LOW,HIGH")
        self._store("threshold", levels)
        self._store("place", _numbers("place", self.place, PLACE_RANGES))
        if not isinstance(self.mirror, bool):
            raise InputError(f"mirror is either true or false, got {self.mirror!r}")
        if self.hold not in HOLDS:
            raise InputError(f"hold is one of {', '.join(HOLDS)}, got {self.hold!r}")

    def _store(self, name: str, value) -> None:
        object.__setattr__(self, name, value)

    @property
    def edits(self) -> bool:
        """Whether anything but mirror and hold is to be done to the subject after it was drawn."""
        return replace(self, mirror=False, hold="none", temporal=0.0) != NEUTRAL

    def changed(self, changes: dict) -> Controls:
        """A copy with some fields replaced. Raises InputError for names that do not exist and for wrong values."""
        unknown = set(changes) - {field.name for field in fields(self)}
        if unknown:
            known = ", ".join(field.name for field in fields(self))
            raise InputError(f"there is no control '{min(unknown)}'; there are {known}")
        return replace(self, **changes)


def _number(name: str, value, limits: tuple[float, float]) -> float:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST:
        raise InputError(f"{name} is a number from {low:g} to {high:g}, got {value!r}")
    if not low <= value <= high:
        unit = f", in {UNITS[name]}" if name in UNITS else ""
        raise InputError(f"{name} {value:g} is out of range: give {low:g} to {high:g}{unit}")
    return float(value)


def _numbers(name: str, values, limits: tuple) -> tuple[float, ...]:
    if not isinstance(values, (tuple, list)) or len(values) != len(limits):
        raise InputError(f"{name} is {len(limits)} numbers, got {values!r}")
    return tuple(_number(name, value, limit) for value, limit in zip(values, limits))


NEUTRAL = Controls()
