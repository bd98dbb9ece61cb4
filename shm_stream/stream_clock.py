"""One line of time for a stream that may be lost, come back, or begin again."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

TIME_BASE = Fraction(1, 90_000)
"""Of the frames of streams: MPEG's clock, which all usual rates divide well enough."""
JUMP_SECONDS = 10
"""A step of a live stream's own timestamps that far from the time that has passed is a new beginning."""


class StreamClock:
    """Times of frames in seconds from an arbitrary moment, strictly rising whatever the stream's own timestamps do.

    Distances within a connection are the stream's own. Between two connections lies the time that passed, or one
    frame for what is no live input (`follows_wall` False), such as a clip that is repeated.
    """

    def __init__(self, step_seconds: Fraction, *, follows_wall: bool, now: Callable[[], float] = time.monotonic):
        """`step_seconds`: from one frame to the next by rate."""
        self._step = step_seconds
        self._follows_wall = follows_wall
        self._now = now
        self._last: Fraction | None = None
        self._last_wall = 0.0
        self._offset: Fraction | None = None

    def reconnect(self) -> None:
        """What comes now has timestamps of its own."""
        self._offset = None

    def frame_seconds(self, own: Fraction | None) -> Fraction:
        """The time of a frame whose stream says `own` seconds, or nothing: then it is the time of arrival."""
        wall = self._now()
        elapsed = round((wall - self._last_wall) / TIME_BASE) * TIME_BASE if self._last is not None else Fraction(0)
        seconds = self._following(elapsed) if own is None else self._placed(own, elapsed)
        if self._last is not None and seconds <= self._last:
            seconds = self._last + TIME_BASE
        self._last, self._last_wall = seconds, wall
        return seconds

    def other_seconds(self, own: Fraction) -> Fraction | None:
        """The time of a packet of sound, or None before the first frame of a connection."""
        return None if self._offset is None else own + self._offset

    def _placed(self, own: Fraction, elapsed: Fraction) -> Fraction:
        if self._offset is None or self._jumps(own + self._offset, elapsed):
            self._offset = self._following(elapsed) - own
        return own + self._offset

    def _following(self, elapsed: Fraction) -> Fraction:
        """Where the next frame lies when only the time that passed is known."""
        if self._last is None:
            return Fraction(0)
        return self._last + (max(self._step, elapsed) if self._follows_wall else self._step)

    def _jumps(self, seconds: Fraction, elapsed: Fraction) -> bool:
        ahead = seconds - self._last - (elapsed if self._follows_wall else 0)
        return ahead < -JUMP_SECONDS or (self._follows_wall and ahead > JUMP_SECONDS)
