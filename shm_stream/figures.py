"""How fast the job is at the moment."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque

from .work import Work

WINDOW_SECONDS = 1.0


class Figures:
    """Counts frames as they are written, in the sink's thread; asked from another."""

    def __init__(self):
        self._recent: deque[tuple[float, float]] = deque()  # (when, latency), both in seconds
        self._frames = 0
        self._lock = threading.Lock()

    def note(self, work: Work) -> None:
        """A frame was written."""
        now = time.perf_counter()
        with self._lock:
            self._frames += 1
            self._recent.append((now, now - work.taken_at))
            self._forget(now)

    def summary(self) -> dict:
        """`fps` and `latency_ms` (median, from leaving the source to being written) of the last second; `frames`."""
        with self._lock:
            self._forget(time.perf_counter())
            latencies = [latency for _, latency in self._recent]
            frames = self._frames
        latency = round(statistics.median(latencies) * 1000, 1) if latencies else None
        return {"fps": round(len(latencies) / WINDOW_SECONDS, 1), "latency_ms": latency, "frames": frames}

    def line(self) -> str:
        """`24.9 fps, 83 ms, 1200 frames`, for a terminal."""
        now = self.summary()
        latency = "" if now["latency_ms"] is None else f"{now['latency_ms']:.0f} ms, "
        return f"{now['fps']:.1f} fps, {latency}{now['frames']} frames"

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - WINDOW_SECONDS:
            self._recent.popleft()
