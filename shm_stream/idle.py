"""Whether anybody sees what a live job makes: while nobody does, no frame goes to the networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

SETTLE_SECONDS = 1.0
"""After a pause begins: by then the frames that were on their way have arrived."""


def _nothing() -> None:
    """What most outputs do to rest."""


@dataclass(frozen=True)
class Audience:
    """Those who may look at one output."""

    watched: Callable[[], bool]
    """Whether somebody is there at the moment; asked for every frame, so it must answer at once."""
    rest: Callable[[], None] = _nothing
    """Called when nothing will be sent until somebody is there."""
    close: Callable[[], None] = _nothing
    """No longer asked."""


class Idle:
    """`pauses` is asked about every frame of the input before anything is made of it, in the source's thread."""

    def __init__(
        self, grace_seconds: float | None, tell: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ):
        """`grace_seconds`: for so long frames are still made when nobody watches any more; None: always."""
        self.paused, self.pauses_until_now = False, 0
        """Whether frames are thrown away at the moment, and how often that has begun."""
        self._grace, self._tell, self._now = grace_seconds, tell, now
        self._audiences: list[Audience] = []
        self._unknown: list[str] = []
        self._seen: float | None = None  # when somebody watched last
        self._paused_at: float | None = None
        self._before = 0.0
        self._resting = False

    def add(self, output: str, find: Callable[[], Audience | None] | None) -> None:
        """One more output. `find` returns None, and is None, where nobody can know who looks: it is always watched."""
        if self._grace is None:
            return
        audience = find() if find is not None else None
        if audience is None:
            self._unknown.append(output)
        else:
            self._audiences.append(audience)

    def welcome(self, audience: Audience) -> None:
        """Somebody may look from here, too, from now on; from any thread."""
        self._audiences = [*self._audiences, audience]

    def dismiss(self, audience: Audience) -> None:
        """Not any more."""
        self._audiences = [other for other in self._audiences if other is not audience]

    @property
    def hindrance(self) -> str | None:
        """One line when this job can never pause, although it was asked to."""
        if not self._unknown:
            return None
        return f"--idle has no effect: who watches {', '.join(self._unknown)} cannot be known"

    @property
    def seconds(self) -> float:
        """How long the job has paused in all."""
        return self._before + (self._now() - self._paused_at if self.paused else 0.0)

    def pauses(self) -> bool:
        """Whether the frame at hand is not wanted. The first one always is: outputs have something to show."""
        if self._grace is None or self._unknown:
            return False
        now = self._now()
        if self._seen is None or any(audience.watched() for audience in self._audiences):
            self._seen = now
        if (now - self._seen > self._grace) != self.paused:
            self._turn(now)
        elif self.paused and not self._resting and now - self._paused_at > SETTLE_SECONDS:
            self._rest()
        return self.paused

    def _turn(self, now: float) -> None:
        if self.paused:
            self._before += now - self._paused_at
        self._paused_at, self._resting, self.paused = now, False, not self.paused
        self.pauses_until_now += self.paused
        self._tell("nobody watches: the job pauses" if self.paused else "somebody watches: the job goes on")

    def _rest(self) -> None:
        self._resting = True
        for audience in self._audiences:
            audience.rest()

    def close(self) -> None:
        """Ask nobody any more."""
        for audience in self._audiences:
            audience.close()
