"""One job: open and check everything, run the pipeline, report."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from . import pipeline
from .background import open_background
from .delivery import for_target
from .engine import check_tnet_size
from .engine_choice import choose_runner, composites_stay, fine_kinds, frames_stay_on_gpu, make_engine, stays_planar
from .errors import InputError, ShmStreamError
from .guides import open_guides
from .idle import Idle
from .job_options import JobOptions
from .job_report import Report
from .job_sinks import abandon, open_file_sink, open_live
from .latency import LatencyCounter
from .live_controls import LiveControls
from .live_sink import LiveSink
from .lookahead import check_lookahead
from .memory_plan import Plan, bound_memory
from .outputs import CAMERA, TRANSPARENT, plan_live, plan_outputs
from .pace import paced
from .part import Part
from .partial import left_before
from .preset import get_preset
from .prior import PriorState
from .quality import Level, rate_keeper
from .sidecar import Sidecars
from .sink_camera import CameraSink
from .source import open_source
from .work import Work

LIVE_FRAMES = 3
"""Of a live input on their way at once: T-Net, M-Net and the outputs work side by side, and no frame waits long. A
lookahead keeps some more."""
COARSE = "live inputs and the control page work in 8 bits: outputs hold no more"


class Job:
    """Everything opened and checked, nothing written yet. Use as a context manager; `run` once."""

    def __init__(self, options: JobOptions, statistics=None):
        """`statistics`: something that is told of each frame as qc_statistics.ShotStatistics is.

        Raises InputError for whatever cannot be used.
        """
        if options.target is not None:
            options = for_target(options, options.target)
        get_preset(options.preset)  # an unknown one is said before anything is opened
        check_tnet_size(options.tnet_size)
        check_lookahead(options.lookahead)
        self._statistics = statistics
        self._closing = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            live = self._open(options, opened)
            self._closing = opened.pop_all()
        self.watchers: list[Callable[[Work], None]] = []
        """Each is given every frame's work, its outputs made and not yet given back, in the sink's thread."""
        self._paced = not self.source.live and any(target.protocol != "stdout" for target in live)
        self.without_sound = self.source.live and (bool(options.vcam) or options.obs is not None)
        """Whether somebody sees the pictures of now and hears another sound, which must be delayed as they are."""
        self._latency = LatencyCounter()
        self._tell = options.live.tell
        self.idle = self._open_idle(options)
        self._part = options.part or Part()
        self._in_flight = LIVE_FRAMES + options.lookahead if self.source.live else self.memory and self.memory.frames
        self.prior_before: PriorState | None = self._part.prior
        """What the last frame that was not written left behind."""
        if self.prior_before is not None:
            self.engine.resume(self.prior_before)
            self._resume_statistics()
        self.last: Work | None = None
        """The last frame that was written, without its outputs."""
        self._begun = False
        self._written = 0
        self._stopping = threading.Event()

    def _open(self, options: JobOptions, opened: contextlib.ExitStack) -> dict:
        """Source, sinks and engine; what is to be closed goes to `opened`. Returns live targets with their kinds."""
        self.source = opened.enter_context(_open_source(options))
        bg = None if options.bg is None else os.fspath(options.bg)
        planned, live = plan_outputs(self.source, options, bg), plan_live(options, bg)
        kinds = {*planned, *live.values(), *(["composite"] if options.vcam or options.panel else [])}
        background = open_background(bg, self.source.width, self.source.height) if "composite" in kinds else None
        self.controls = LiveControls(options.controls, background, bg)
        opened.callback(self.controls.close)
        guides = open_guides(options, self.source)
        opened.callback(guides.close)
        self._left_before = left_before(Path(path) for path in planned.values())
        safe = bool(live) or self.source.live
        self.sinks = {
            kind: open_file_sink(path, kind, options, self.source, safe=safe) for kind, path in planned.items()
        }
        if options.alpha_mode is not None and TRANSPARENT not in kinds:
            raise InputError("--alpha-mode is about colours beside alpha: give --bg transparent with it")
        self._sidecars = Sidecars(self.sinks, self.source, overwrite=options.overwrite) if options.sidecar else None
        fine = fine_kinds(self.sinks, self.source, options) - {*live.values()}
        # one thread, so that levels come in their order, and waited for: a program that ends while it compiles aborts
        self._compiling = opened.enter_context(ThreadPoolExecutor(1, "shm-compile"))
        opened.callback(self._compiling.shutdown, wait=False, cancel_futures=True)
        fusing = {"outputs": kinds, "controls": self.controls, "guides": guides, "fine": fine}
        self._open_engine(options, watched=safe or bool(options.vcam or options.panel), **fusing)
        self.memory = self._bound_memory(options, live)
        for target, kind in live.items():
            self.sinks[target.name] = sink = open_live(target, kind, options, self.source)
            opened.callback(sink.abort)
        if options.vcam:  # last: from here on the camera is taken
            self.sinks[CAMERA] = CameraSink(options.vcam, self.source)
        return live

    def _open_engine(self, options: JobOptions, *, watched: bool, **fusing) -> None:
        """The engine, and what holds its rate. `watched`: others than files take what it makes."""
        planar = stays_planar(self.source, self.sinks, options.vcam)
        runner = choose_runner(options.preset, options.runner, options.device)
        preset = get_preset(options.preset)
        fusing |= {"dense": options.dense, "lookahead": options.lookahead, "planar": planar}
        stay = planar and not watched and composites_stay(self.sinks)
        self.engine = make_engine(runner, preset, options.tnet_size, composites_stay=stay, **fusing)
        self.keeper = rate_keeper(self.source, self.engine.tnet_size, options.live.fps_target)
        if self.source.live:  # frames do not wait until T-Net is compiled
            self.engine.compile_tnet((self.source.height, self.source.width))

    def _bound_memory(self, options: JobOptions, live: dict) -> Plan | None:
        """What the job is allowed, if that was stated."""
        if options.max_memory is None:
            return None
        if self.source.live or live or options.vcam or options.panel:
            raise InputError("--max-memory is for files: live inputs and outputs keep few frames as they are")
        told = self._statistics is not None
        return bound_memory(options, self.source, self.engine, [*self.sinks.values()], told=told)

    def _open_idle(self, options: JobOptions) -> Idle:
        """What knows whether anybody watches. A report of all frames is for somebody who looks at it later."""
        idle = Idle(options.live.idle_seconds, options.live.tell)
        self._closing.callback(idle.close)
        for sink in self.sinks.values():
            idle.add(str(sink.path), getattr(sink, "find_audience", None))
        if self._statistics is not None:
            idle.add("the report", None)
        if options.live.idle_seconds is not None:
            self.source.pauses = idle.pauses
        return idle

    def run(self, on_frame: Callable[[int], None] | None = None) -> Report:
        """Write the outputs. `on_frame(count)` is called after each frame, in another thread.

        After a failure no unfinished file is left; the error's message says what was kept. Raises ShmStreamError, or
        KeyboardInterrupt when Ctrl-C came before the first frame was written or a second time.
        """
        started = time.perf_counter()
        try:
            result = pipeline.run(
                self._works(),
                self.engine.stages,
                lambda work: self._write(work, on_frame),
                finish=self._finish,
                stop=getattr(self.source, "stop", None),
                in_flight=self._in_flight,
            )
            if self._written == 0:
                if result.interrupted or self._stopping.is_set():
                    raise KeyboardInterrupt
                raise ShmStreamError(self.source.warning or f"no frame of {self.source.path} could be read")
        except BaseException as error:
            self._give_up(error)
            raise
        return self._report(result, time.perf_counter() - started)

    def _give_up(self, error: BaseException) -> None:
        """End all outputs, and have the error say what is left of them."""
        kept = abandon(self.sinks.values())
        told = f"kept: {', '.join(kept)}" if kept else "nothing was kept"
        if isinstance(error, KeyboardInterrupt) and kept:
            error.args = (told,)
        elif isinstance(error, ShmStreamError) and self._begun:
            error.args = (f"{error}; {told}",)

    def stop(self) -> None:
        """End the run as if the input had ended here; from any thread."""
        self._stopping.set()
        getattr(self.source, "stop", lambda: None)()

    def _works(self) -> Iterator[Work]:
        pauses = self.idle.pauses_until_now
        for frame in paced(self.source) if self._paced else self.source:
            if self._stopping.is_set():
                return
            before, pauses = pauses, self.idle.pauses_until_now
            yield Work(self._part.place(frame), pauses=pauses, after_pause=pauses > before)

    def _write(self, work: Work, on_frame: Callable[[int], None] | None) -> None:
        self.engine.wait(work)
        if work.frame.index < self._part.lead_in:
            self._lead_in(work)
            return
        if not self._part.writes(work.frame) or self._is_stale(work):
            self.engine.release(work)
            return
        self._latency.add(time.perf_counter() - work.begun_seconds)
        if self._statistics is not None:
            self._statistics.add(work)  # before the encoders get hold of the planes
        self._begun = True
        for sink in self.sinks.values():
            sink.write(work.frame, work.outputs[sink.kind])
        for watch in self.watchers:
            watch(work)
        self.engine.release(work)
        self.last = work
        self._written += 1
        self._hold_rate(work)
        if on_frame is not None:
            on_frame(self._written)

    def _is_stale(self, work: Work) -> bool:
        """Whether it waited for the frame after it while the job paused. The first one is shown whatever happens."""
        return self._written > 0 and work.pauses < self.idle.pauses_until_now

    def _hold_rate(self, work: Work) -> None:
        if self.keeper and work.after_pause:
            self.keeper.begin_anew()
        level = self.keeper and self.keeper.frame(time.perf_counter(), self.source.dropped)
        if level:
            self._tell(f"holding {self.keeper.fps:g} frames a second: {level}")
            # compiling T-Net takes a while, and the outputs must not wait for it
            self._compiling.submit(self._use, level, work.frame.size)

    def _use(self, level: Level, size: tuple[int, int]) -> None:
        try:
            self.engine.use(level, size)
        except Exception as error:  # whatever a runner raises: frames go on as before
            self._tell(f"T-Net cannot be compiled for {level}, and stays as it was: {error}")

    def _lead_in(self, work: Work) -> None:
        self.prior_before = state_after(work)
        if work.frame.index == self._part.lead_in - 1:
            self._resume_statistics()
        self.engine.release(work)

    def _resume_statistics(self) -> None:
        if self._statistics is not None:
            self._statistics.resume(self.prior_before)

    def _finish(self) -> None:
        if self._written:
            for sink in self.sinks.values():
                sink.finish()
            if self._sidecars is not None:
                self._sidecars.write(self._written)

    @property
    def notices(self) -> list[str]:
        """What the outputs will lack, known before they are written."""
        fine = any(getattr(sink, "fine", False) for sink in self.sinks.values())
        coarse = COARSE if fine and getattr(self.source, "bits", 8) > 8 and not self.engine.fine else None
        told = [getattr(self.source, "notice", None), coarse, self._left_before, self.idle.hindrance]
        told += [sink.warning for sink in self.sinks.values()]
        return [line for line in told if line]

    def _report(self, result: pipeline.PipelineReport, seconds: float) -> Report:
        latency = self._latency.summary()
        live = [sink.report() for sink in self.sinks.values() if isinstance(sink, LiveSink)]
        return Report(
            frames=self._written,
            seconds=seconds,
            device=self.engine.runner.device,
            runner=self.engine.runner.name,
            kernel=self.engine.kernel,
            outputs={kind: sink.path for kind, sink in self.sinks.items()},
            interrupted=result.interrupted,
            input_warning=self.source.warning,
            warnings=self.notices,
            memory_warning=self.memory and self.memory.warning(),
            quality_changes=self.keeper.changes if self.keeper else 0,
            quality=str(self.keeper.level) if self.keeper else None,
            dropped=getattr(self.source, "dropped", 0),
            reconnects=getattr(self.source, "reconnects", 0),
            paused_seconds=self.idle.seconds,
            latency=latency if live or self.source.live else None,
            sound_offset_ms=round(latency.p50_ms) if self.without_sound else None,
            live=live,
            stages=result.stages,
        )

    def close(self) -> None:
        """Close the source and the background."""
        self._closing.close()

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def state_after(work: Work) -> PriorState:
    """What a finished frame leaves to those that another job makes."""
    return replace(work.left, shown=work.steadied)


def _open_source(options: JobOptions):
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
    )
