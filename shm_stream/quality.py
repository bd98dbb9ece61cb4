"""How much the networks may cost, moved up and down so that a live job holds its rate. Neither clock nor threads."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError

WINDOW_SECONDS = 1.0
"""Frames are counted over so long before anything is decided."""
MOST_LOST = 0.05
"""Share of the wanted frames that may be missing without a change."""
CALM_SECONDS = 5.0
"""Without a loss for so long, a better level is tried..."""
LONGEST_CALM_SECONDS = 120.0
"""... and after every attempt that failed, twice as long is waited, up to this."""


@dataclass(frozen=True)
class Level:
    """What the networks may cost."""

    tnet_size: int
    """As in `Engine`."""
    most_drawn: float
    """Share of a frame that M-Net draws at most; the least uncertain blocks are left at alpha_raw = 1/2."""

    def __str__(self) -> str:
        return f"T-Net size {self.tnet_size}, M-Net on at most {100 * self.most_drawn:.0f} %"


def levels_below(tnet_size: int) -> list[Level]:
    """Best first: what a job was asked for, then less. Each step saves about as much of T-Net as of M-Net."""
    shares = ((0.87, 0.10), (0.75, 0.06), (0.62, 0.04), (0.5, 0.02))
    less = [Level(max(32, round(tnet_size * size / 16) * 16), drawn) for size, drawn in shares]
    return [Level(tnet_size, 1.0), *less]


class RateKeeper:
    """Told of every frame that was put out; says which level comes next."""

    def __init__(self, levels: list[Level], fps: float):
        """`fps`: frames a second that are to be held."""
        self.levels, self.fps = levels, fps
        self.position = 0
        """Of the present level; 0 is the best."""
        self.changes = 0
        self._calm_wanted = CALM_SECONDS
        self._calm_since: float | None = None
        self._tried_at: float | None = None  # when a better level was last tried
        self._begin: tuple[float, int] | None = None  # time and dropped frames at the start of the window
        self._made = 0

    @property
    def level(self) -> Level:
        return self.levels[self.position]

    def frame(self, seconds: float, dropped: int) -> Level | None:
        """A frame came out at this time, and so many of the input were dropped up to now. The new level, if any."""
        if self._begin is None:
            self._begin, self._calm_since = (seconds, dropped), seconds
            return None
        self._made += 1
        elapsed = seconds - self._begin[0]
        if elapsed < WINDOW_SECONDS:
            return None
        behind = dropped > self._begin[1] and self._made < (1 - MOST_LOST) * self.fps * elapsed
        self._begin, self._made = (seconds, dropped), 0
        return self._lower(seconds) if behind else self._higher(seconds)

    def begin_anew(self) -> None:
        """No frame was wanted for a while: what is missing since then was not lost."""
        self._begin, self._made = None, 0

    def _lower(self, seconds: float) -> Level | None:
        self._calm_since = seconds
        if self._tried_at is not None and seconds - self._tried_at < 2 * CALM_SECONDS:
            self._calm_wanted = min(2 * self._calm_wanted, LONGEST_CALM_SECONDS)
        self._tried_at = None
        return self._move(self.position + 1)

    def _higher(self, seconds: float) -> Level | None:
        if self._tried_at is not None and seconds - self._tried_at >= 2 * CALM_SECONDS:
            self._tried_at, self._calm_wanted = None, CALM_SECONDS  # it held
        if seconds - self._calm_since < self._calm_wanted:
            return None
        self._calm_since = seconds
        level = self._move(self.position - 1)
        self._tried_at = seconds if level else self._tried_at
        return level

    def _move(self, position: int) -> Level | None:
        if not 0 <= position < len(self.levels):
            return None
        self.position = position
        self.changes += 1
        return self.level


def rate_keeper(source, tnet_size: int, fps_target: float | None) -> RateKeeper | None:
    """For a source that is live; None for others, and where 0 frames a second are to be held. Raises InputError."""
    if not source.live:
        if fps_target:
            raise InputError("--fps-target is for live inputs: of a file no frame is dropped; try it with --loop")
        return None
    return None if fps_target == 0 else RateKeeper(levels_below(tnet_size), fps_target or float(source.rate))
