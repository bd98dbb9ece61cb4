"""How a job stays within a stated memory: how many frames may be on their way, how far encoders look ahead.

What the process has when the networks are loaded is read from the system. What frames will take on top is computed
in `memory_need`. docs/media.md has both beside what was measured.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .machine import peak_rss_mb, rss_mb
from .memory_need import Need, need_of
from .prior import tnet_shape
from .tiles import TILE

MOST_FRAMES = 12
"""On their way at once: two between each two of five threads, and those in work."""
QUICK_FRAMES = 3
"""With fewer, stages wait for each other."""
BATCH_BYTES = 60e6
"""What the process that leads a batch takes later, for its report, and the one that Python starts beside it."""
REPORT_BYTES = 1500
"""Figures of a frame for `qc_report`, and their text."""
ANEW_BYTES = 5e6
"""By how much what processes have differs from one to the next: what one asked for must do for another."""
LEAST_BYTES = 250e6
"""Less is not enough for any job: libraries and networks."""
LOOK_AHEADS = (1.0, 0.5, 0.0)
M_MMAP_THRESHOLD, MMAP_BYTES = -3, 1 << 20
"""glibc's name of a setting in malloc.h, and its value here."""


@dataclass(frozen=True)
class Plan:
    """What a job is allowed."""

    limit: int
    """Bytes."""
    frames: int
    """On their way at once."""
    look_ahead: float
    """Share of what encoders look ahead by themselves."""
    expected: float
    """Bytes at the most, as far as can be computed."""

    def __str__(self) -> str:
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        shorter = f", {self.look_ahead:.0%} of the encoders' look-ahead" if self.look_ahead < 1 else ""
        most = f"{self.expected / 1e6:.0f} of {self.limit / 1e6:.0f} MB"
        return f"memory: at most about {most} with {frames} on the way{shorter}"

    def warning(self) -> str | None:
        """What came out otherwise, by now."""
        peak = peak_rss_mb()
        if peak * 1e6 <= self.limit:
            return None
        return f"the process took {peak:.0f} MB, more than --max-memory {self.limit / 1e6:.0f}M"


def choose_plan(limit: int, had: float, need: Need, most_frames: int = MOST_FRAMES, kept: int = 0) -> Plan:
    """The quickest and best that fits when the process has `had` bytes and `kept` frames wait for those behind them.

    Raises InputError when nothing does.
    """
    for frames, look_ahead in _settings(most_frames):
        expected = had + need.bytes(frames + kept, look_ahead)
        if expected <= limit:
            return Plan(limit, frames + kept, look_ahead, expected)
    least = -(-(expected + ANEW_BYTES) // 1e7) * 10
    raise InputError(
        f"this job needs {least:.0f}M of memory at least and may take {limit / 1e6:.0f}M: raise --max-memory, or ask "
        f"for fewer or smaller outputs"
    )


def _settings(most_frames: int) -> Iterable[tuple[int, float]]:
    """(frames, look-ahead), best first: look-ahead is given up before stages have to wait for each other."""
    quick = [frames for frames in range(most_frames, 0, -1) if frames >= QUICK_FRAMES]
    slow = [frames for frames in range(most_frames, 0, -1) if frames < QUICK_FRAMES]
    for some in (quick, slow):
        yield from ((frames, look_ahead) for look_ahead in LOOK_AHEADS for frames in some)


def bound_memory(options, source, engine, sinks: list, *, told: bool) -> Plan:
    """Make engine and sinks of a job stay within `options.max_memory` bytes. `told`: for each frame something
    is kept for a report. Raises InputError where they cannot."""
    if engine.runner.device != "cpu":
        raise InputError("--max-memory is for jobs on the CPU: add --device cpu, or leave it out")
    if engine.draws_whole_frames:
        raise InputError("--max-memory needs M-Net in tiles: leave out --dense and --preset paper")
    guided = sum(name is not None for name in (options.trimap, options.holdout, options.keep))
    need = need_of(source, engine, sinks, guided)
    had = resident_bytes(engine, (source.height, source.width)) + told * REPORT_BYTES * (source.frame_count or 0)
    most = 1 if source.kind == "image" else MOST_FRAMES
    plan = choose_plan(options.max_memory, had, need, most, options.lookahead)
    engine.only_tiles = True
    for sink in sinks:
        if hasattr(sink, "bound_memory"):
            sink.bound_memory(plan.look_ahead)
    return plan


def share_of_process(limit: int, processes: int) -> int:
    """Bytes for each of so many processes that are started from this one. Raises InputError when nothing is left."""
    share = round((limit - 1e6 * (rss_mb() or 0) - BATCH_BYTES) / processes)
    if share < LEAST_BYTES:
        raise InputError(
            f"--max-memory {limit / 1e6:.0f}M is too little for {processes} --jobs and the process that leads "
            f"them: give {(limit + (LEAST_BYTES - share) * processes) / 1e6:.0f}M or more, or fewer jobs"
        )
    return share


def resident_bytes(engine, size: tuple[int, int]) -> float:
    """What the process has once its networks have run; `size`: (H, W) of frames. Raises InputError where nobody knows.

    From here on, large arrays go back to the system when they are freed (glibc keeps those below 32 MB otherwise).
    """
    if peak_rss_mb() is None:
        raise InputError("--max-memory: this system does not tell a process how much memory it has; use Linux")
    give_back_memory()
    engine.runner.tnet(np.zeros((1, 4, *tnet_shape(*size, engine.tnet_size)), np.float32))
    if not hasattr(engine.runner, "draw"):
        side = TILE - TILE % engine.runner.multiple
        engine.runner.mnet(np.zeros((6, *engine.padded_size(side, side)), np.float32))
    return 1e6 * (rss_mb() or peak_rss_mb())


def give_back_memory() -> None:
    """Let freed arrays go back to the system, now and from here on, where the C library is glibc."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)  # what an earlier shot of a batch left
