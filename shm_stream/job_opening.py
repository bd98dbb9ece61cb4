"""What a job works with: source, controls, sinks and engine, each checked before the next one is opened."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from .background import open_background
from .engine import Engine
from .engine_choice import (
    choose_runner,
    composites_can_stay,
    fine_kinds,
    frames_stay_on_gpu,
    make_engine,
    stays_planar,
    threads_of,
)
from .errors import InputError
from .guides import open_guides
from .job_options import JobOptions
from .job_rate import HeldRate
from .job_sinks import open_file_sink, open_live
from .live_controls import LiveControls
from .live_target import LiveTarget
from .memory_plan import Plan, bound_memory
from .outputs import CAMERA, TRANSPARENT, plan_live, plan_outputs
from .partial import left_before
from .preset import get_preset
from .sidecar import Sidecars
from .sink_camera import CameraSink
from .source import Source, open_source
from .threads import Threads


@dataclass
class Parts:
    """Opened one after the other; nothing is written yet."""

    source: Source
    controls: LiveControls
    sinks: dict[str, object]
    """Kind, CAMERA or the name of a live output → sink, as `open_sink` describes them"""
    sidecars: Sidecars | None
    engine: Engine
    rate: HeldRate
    memory: Plan | None
    """What the job is allowed, if that was stated"""
    live: list[LiveTarget]
    left_before: str | None
    """A line about what an earlier job left in the outputs' folders"""


def open_parts(options: JobOptions, opened: contextlib.ExitStack, *, reported: bool) -> Parts:
    """What is to be closed goes to `opened`; `reported`: each frame is told to statistics. Raises InputError."""
    threads = threads_of(options)
    source = opened.enter_context(_open_source(options, threads))
    bg = None if options.bg is None else os.fspath(options.bg)
    planned, live = plan_outputs(source, options, bg), plan_live(options, bg)
    kinds = {*planned, *live.values(), *(["composite"] if options.vcam or options.panel else [])}
    background = open_background(bg, source.width, source.height) if "composite" in kinds else None
    controls = LiveControls(options.controls, background, bg)
    opened.callback(controls.close)
    guides = open_guides(options, source)
    opened.callback(guides.close)
    left = left_before(Path(path) for path in planned.values())
    safe = bool(live) or source.live
    sinks = {kind: open_file_sink(path, kind, options, source, threads, safe=safe) for kind, path in planned.items()}
    if options.alpha_mode is not None and TRANSPARENT not in kinds:
        raise InputError("--alpha-mode is about colours beside alpha: give --bg transparent with it")
    sidecars = Sidecars(sinks, source, overwrite=options.overwrite) if options.sidecar else None
    fine = fine_kinds(sinks, source, options) - {*live.values()}
    watched = safe or bool(options.vcam or options.panel)
    fusing = {"outputs": kinds, "controls": controls, "guides": guides, "fine": fine}
    engine = _open_engine(options, source, sinks, threads, watched=watched, **fusing)
    rate = HeldRate(source, engine, options.live, opened)
    memory = _bound_memory(options, source, engine, sinks, watched=watched, reported=reported)
    for target, kind in live.items():
        sinks[target.name] = sink = open_live(target, kind, options, source)
        opened.callback(sink.abort)
    if options.vcam:  # last: from here on the camera is taken
        sinks[CAMERA] = CameraSink(options.vcam, source)
    return Parts(source, controls, sinks, sidecars, engine, rate, memory, [*live], left)


def _open_source(options: JobOptions, threads: Threads) -> Source:
    return open_source(
        options.input,
        start_seconds=options.start,
        duration_seconds=options.duration,
        max_frames=options.frames,
        live=options.live,
        deinterlace=options.deinterlace,
        rate=options.rate,
        hwaccel=options.hwaccel,
        stay_on_device=frames_stay_on_gpu(options),
        threads=threads.decoder,
    )


def _open_engine(
    options: JobOptions, source: Source, sinks: dict, threads: Threads, *, watched: bool, **fusing
) -> Engine:
    """`watched`: others than files take what it makes."""
    planar = stays_planar(source, sinks)
    runner = choose_runner(options.preset, options.runner, options.device, threads.network)
    fusing |= {"dense": options.dense, "lookahead": options.lookahead, "planar": planar, "threads": threads.kernels}
    stay = planar and not watched and composites_can_stay(sinks)
    engine = make_engine(runner, get_preset(options.preset), options.tnet_size, composites_stay=stay, **fusing)
    if source.live:  # frames do not wait until T-Net is compiled
        engine.compile_tnet((source.height, source.width))
    return engine


def _bound_memory(
    options: JobOptions, source: Source, engine: Engine, sinks: dict, *, watched: bool, reported: bool
) -> Plan | None:
    if options.max_memory is None:
        return None
    if watched:
        raise InputError("--max-memory is for files: live inputs and outputs keep few frames as they are")
    return bound_memory(options, source, engine, [*sinks.values()], told=reported)
