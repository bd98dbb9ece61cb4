"""A file as if it were live: no frame comes before its time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from .frame import Frame


def paced(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, each at its `pts_seconds` after the first was asked for, or at once when that has passed."""
    started = None
    for frame in frames:
        now = time.perf_counter()
        if started is None:
            started = now - frame.pts_seconds
        time.sleep(max(0.0, started + frame.pts_seconds - now))
        yield frame
