"""How a job stays within a stated memory: how many frames may be on their way, how far encoders look ahead.

What the process has when the networks are loaded is read from the system. What frames will take on top is computed
here, from the arrays that each stage makes (named beside their bytes per pixel), and what encoders take comes from
`encoder_memory`. `benchmarks/README.md` has both beside what was measured.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .controls import NEUTRAL
from .decoder_memory import decoder_bytes
from .encoder_memory import encoder_bytes
from .errors import InputError
from .machine import peak_rss_mb, rss_mb
from .prior import tnet_shape
from .tiles import TILE

MOST_FRAMES = 12
"""On their way at once: two between each two of five threads, and those in work."""
QUICK_FRAMES = 3
"""With fewer, stages wait for each other."""
SLACK_BYTES = 30e6
"""Libraries that are loaded by their first use, packets, sound."""
MARGIN = 1.05
"""Of what is computed."""
BATCH_BYTES = 60e6
"""What the process that leads a batch takes later, for its report, and the one that Python starts beside it."""
REPORT_BYTES = 1500
"""Figures of a frame for `qc_report`, and their text."""
LEAST_BYTES = 250e6
"""Less is not enough for any job: libraries and networks."""
LOOK_AHEADS = (1.0, 0.5, 0.0)
M_MMAP_THRESHOLD, MMAP_BYTES = -3, 1 << 20
"""glibc's name of a setting in malloc.h, and its value here."""
RGB, FINE = 3, 12
"""Bytes of a pixel's colours in 8 bits and in float32."""


@dataclass(frozen=True)
class Need:
    """Bytes that a job takes beside what the process has already."""

    once: float
    each: float
    """For every frame on its way."""
    works: list[float]
    """More for a frame while a stage works on it, for each of these stages."""
    encodings: tuple
    pixels: int

    def bytes(self, frames: int, look_ahead: float) -> float:
        encoders = sum(encoder_bytes(encoding, self.pixels, look_ahead) for encoding in self.encodings)
        works = sum(sorted(self.works)[-frames:])  # a frame is in one stage at a time
        return SLACK_BYTES + MARGIN * (self.once + self.each * frames + works + encoders)


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
        return (
            f"memory: at most about {self.expected / 1e6:.0f} of {self.limit / 1e6:.0f} MB with {frames} on the way "
            f"and {self.look_ahead:.0%} of the encoders' look-ahead"
        )

    def warning(self) -> str | None:
        """What came out otherwise, by now."""
        peak = peak_rss_mb()
        if peak * 1e6 <= self.limit:
            return None
        return f"the job took {peak:.0f} MB, more than --max-memory {self.limit / 1e6:.0f}M"


def choose_plan(limit: int, had: float, need: Need, most_frames: int = MOST_FRAMES) -> Plan:
    """The quickest and best that fits when the process has `had` bytes. Raises InputError when nothing does."""
    for frames, look_ahead in _settings(most_frames):
        expected = had + need.bytes(frames, look_ahead)
        if expected <= limit:
            return Plan(limit, frames, look_ahead, expected)
    raise InputError(
        f"this job needs {-(-expected // 1e6):.0f}M of memory at least and may take {limit / 1e6:.0f}M: raise "
        f"--max-memory, or ask for fewer or smaller outputs"
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
    plan = choose_plan(options.max_memory, had, need, 1 if source.kind == "image" else MOST_FRAMES)
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
    _give_back_memory()
    engine.runner.tnet(np.zeros((1, 4, *tnet_shape(*size, engine.tnet_size)), np.float32))
    if not hasattr(engine.runner, "draw"):
        side = TILE - TILE % engine.runner.multiple
        engine.runner.mnet(np.zeros((6, *engine.padded_size(side, side)), np.float32))
    return 1e6 * (rss_mb() or peak_rss_mb())


def _give_back_memory() -> None:
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)  # what an earlier shot of a batch left


def need_of(source, engine, sinks: list, guided: int = 0) -> Need:
    """Of a job on the CPU; `guided`: how many masks and trimaps it reads. Raises InputError for unknown encoders."""
    pixels, behind = source.width * source.height, engine.controls.setting.background
    kept = decoder_bytes(source) + (decoder_bytes(behind.source) if getattr(behind, "kind", "") == "video" else 0)
    kept += guided * 10 * 1.5 * pixels  # a mask may be a video: what its decoder keeps
    kept += 1000 * source.width * getattr(engine.runner, "threads", 1)  # rows of blocks in M-Net's kernel: mnet_cpu
    if "composite" in engine.outputs:
        kept += (RGB + (1.5 if engine.planar else 0)) * pixels  # the background
    sink = max(each.bytes_per_pixel for each in sinks)  # they write one after the other
    works = [pixels * work for work in (_source_work(source), _fuse_work(engine), sink)]
    encodings = tuple(each.encoding for each in sinks if hasattr(each, "encoding"))
    return Need(kept, pixels * (_frame(source, engine) + guided), works, encodings, pixels)


def _frame(source, engine) -> float:
    """Bytes per pixel of a frame when it has all that it ever has."""
    wanted, fine = engine.outputs, engine.fine
    estimates = wanted & {"foreground", "transparent"}
    held = 0.0 if source.kind == "image" else _given(source)  # one image is there already
    if source.planar and (estimates or ("composite" in wanted and not engine.planar)):
        held += RGB  # and the same in RGB
    held += 4 + (4 if fine or estimates else 0)  # alpha_raw, alpha
    sizes = {"alpha": 1, "composite": 1.5 if engine.planar else RGB, "foreground": RGB, "transparent": 4 + 1}
    fine_sizes = {"alpha": 0, "composite": FINE, "foreground": FINE, "transparent": FINE + 4}
    held += sum((fine_sizes if kind in fine else sizes)[kind] for kind in wanted)
    return held + (4 + FINE + RGB if _edits(engine) else 0)  # alpha before edges and as logits, the changed picture


def _given(source) -> float:
    """Bytes per pixel of what the source gives."""
    return (1.5 if source.planar else RGB) + (FINE if source.bits > 8 else 0)


def _source_work(source) -> float:
    """Bytes per pixel while a frame is read, beside the frame."""
    if source.kind == "image":
        return 0
    if source.bits > 8:
        return 2 * FINE  # samples, and these merged
    return 0 if source.planar else 12  # a picture file, and what its decoder keeps (JPEG: coefficients)


def _fuse_work(engine) -> float:
    """Bytes per pixel while outputs are made, beside the frame and the outputs."""
    wanted, fine = engine.outputs, engine.fine
    work = 20 if _edits(engine) else 3  # edges, light and placement work in float32; a background may be blurred
    if wanted & {"foreground", "transparent"}:
        work += 48 if fine else 17  # estimate_foreground: a half-size pyramid, colours, frame.fine
    return work + (3 * FINE if "composite" in fine else 0)


def _edits(engine) -> bool:
    return engine.controls.setting.controls != NEUTRAL or engine.guides.edits
