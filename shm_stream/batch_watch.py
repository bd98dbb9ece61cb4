"""Which files of a watched folder are new or changed, and no longer being written."""

from __future__ import annotations

import time

from .batch_files import state as file_state
from .batch_shots import Shot


class Looks:
    """Remembers what the files looked like. Call `ready` once for each look into the folder."""

    def __init__(self, interval_seconds: float):
        self._interval_seconds = interval_seconds
        self._last: dict[str, tuple[int, int]] | None = None
        self._taken: dict[str, tuple[int, int]] = {}

    def ready(self, shots: list[Shot]) -> list[Shot]:
        """The shots to be made now: those not given out as they are, and unchanged since the last look.

        At the first look a file is taken that was written more than an interval ago.
        """
        states = {shot.name: file_state(shot.path) for shot in shots}
        ready = [shot for shot in shots if self._is_ready(shot.name, states[shot.name])]
        self._taken.update({shot.name: states[shot.name] for shot in ready})
        self._last = states
        return ready

    def _is_ready(self, name: str, state: tuple[int, int] | None) -> bool:
        if state is None or state == self._taken.get(name):
            return False
        if self._last is None:
            return time.time() - state[1] / 1e9 > self._interval_seconds
        return state == self._last.get(name)
