"""One line of time for a stream that may be lost, come back, or begin again."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

TIME_BASE = Fraction(1, 90_000)
"""Of the frames of streams: MPEG's clock, which all usual rates divide well enough."""
JUMP_SECONDS = 10
"""A step of a live stream's own timestamps so much longer than the time that has passed is a new beginning."""
BACK_SECONDS = Fraction(3, 10)
"""A step back that long is one, too: the sender was started again."""
LATEST_SECONDS = 5
"""A frame that says to be older than that when it comes has no timestamp of this machine."""


class StreamClock:
    """Times of frames in seconds from an arbitrary moment, strictly rising whatever the stream's own timestamps do.

    Distances within a connection are the stream's own. Between two connections lies the time that passed, or one
    frame for what is no live input (`follows_wall` False), such as a clip that is repeated.
    """

    def __init__(
        self, step_seconds: Fraction, *, follows_wall: bool, stamped_here: bool = False,
        now: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        """`step_seconds`: from one frame to the next by rate. `stamped_here`: frames may say by a clock of this machine
        when they were taken, as those of cameras and screens do."""
        self._step = step_seconds
        self._follows_wall = follows_wall
        self._stamped_here = stamped_here
        self._now = now
        self._last: Fraction | None = None
        self._lead = Fraction(0)  # from the wall's time to that of the promptest frame since the last new beginning
        self._offset: Fraction | None = None
        self._connected = False  # a frame has come since
        self._taken_offset: Fraction | None = None  # from the wall's time to that of the frame taken then, if known

    def reconnect(self) -> None:
        """What comes now has timestamps of its own."""
        self._offset = self._taken_offset = None
        self._connected = False

    def frame_seconds(self, own: Fraction | None) -> Fraction:
        """The time of a frame whose stream says `own` seconds, or nothing: then it is the time of arrival."""
        wall = round(self._now() / TIME_BASE) * TIME_BASE
        seconds = self._arrival(wall) if own is None else self._placed(own, wall)
        if self._last is None:
            self._lead = seconds - wall
        elif seconds <= self._last:
            seconds = self._last + TIME_BASE
        self._lead = max(self._lead, seconds - wall)
        self._last, self._connected = seconds, True
        return seconds

    def other_seconds(self, own: Fraction) -> Fraction | None:
        """The time of a packet of sound, or None before the first frame of a connection."""
        return None if self._offset is None else own + self._offset

    def moment_seconds(self, wall: Fraction) -> Fraction | None:
        """The time of what happened at `wall` by `time.monotonic`, or None before the first frame of a connection.

        That of a frame taken then, where frames say when they were taken, else of one that came then as fast as any.
        """
        if self._taken_offset is not None:
            return wall + self._taken_offset
        return wall + self._lead if self._connected else None

    def is_near(self, seconds: Fraction) -> bool:
        """Whether that may be now: sound of a new beginning can come before its frames show that it is one."""
        return abs(seconds - self._last) < JUMP_SECONDS

    def _placed(self, own: Fraction, wall: Fraction) -> Fraction:
        if self._offset is None or self._jumps(own + self._offset, wall):
            seconds = self._beginning(wall)
            self._offset, self._lead = seconds - own, seconds - wall
            self._taken_offset = self._taken(own, wall)
        return own + self._offset

    def _taken(self, own: Fraction, wall: Fraction) -> Fraction | None:
        """`_taken_offset`, where `own` is the time of the kernel's clock or of the calendar's."""
        ahead = round((time.time() - time.monotonic()) / TIME_BASE) * TIME_BASE
        for clock in (0, ahead) if self._stamped_here else ():
            if 0 <= wall + clock - own + Fraction(1, 10) < LATEST_SECONDS:
                return self._offset + clock
        return None

    def _beginning(self, wall: Fraction) -> Fraction:
        """Where the first frame of a connection lies."""
        if self._last is None:
            return Fraction(0)
        following = self._last + self._step
        return max(following, wall + self._lead) if self._follows_wall else following

    def _arrival(self, wall: Fraction) -> Fraction:
        """Where a frame lies of which nothing is known but that it is there now."""
        if self._last is None:
            return Fraction(0)
        return wall + self._lead if self._follows_wall else self._last + self._step

    def _jumps(self, seconds: Fraction, wall: Fraction) -> bool:
        ahead = seconds - (wall + self._lead)
        return seconds < self._last - BACK_SECONDS or (self._follows_wall and ahead > JUMP_SECONDS)
