"""One job: open and check everything, run the pipeline, report."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from . import pipeline
from .delivery import for_target
from .engine import check_tnet_size
from .errors import ShmStreamError
from .idle import open_idle
from .job_opening import Parts, open_parts
from .job_options import JobOptions
from .job_report import Report
from .job_sinks import abandon
from .latency import LatencyCounter
from .live_sink import LiveSink
from .lookahead import check_lookahead
from .pace import paced
from .part import Part
from .preset import get_preset
from .prior import PriorState
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
            self._take(open_parts(options, opened, reported=statistics is not None))
            self._closing = opened.pop_all()
        self.watchers: list[Callable[[Work], None]] = []
        """Each is given every frame's work, its outputs made and not yet given back, in the sink's thread."""
        self.without_sound = self.source.live and (bool(options.vcam) or options.obs is not None)
        """Whether somebody sees the pictures of now and hears another sound, which must be delayed as they are."""
        self._latency = LatencyCounter()
        self.idle = open_idle(options.live, self.source, self.sinks.values(), reported=statistics is not None)
        self._closing.callback(self.idle.close)
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

    def _take(self, parts: Parts) -> None:
        self.source, self.controls, self.sinks, self.engine = parts.source, parts.controls, parts.sinks, parts.engine
        self.rate, self.memory, self._sidecars = parts.rate, parts.memory, parts.sidecars
        self._left_before = parts.left_before
        self._paced = not self.source.live and any(target.protocol != "stdout" for target in parts.live)

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
        self.rate.frame(work)
        if on_frame is not None:
            on_frame(self._written)

    def _is_stale(self, work: Work) -> bool:
        """Whether it waited for the frame after it while the job paused. The first one is shown whatever happens."""
        return self._written > 0 and work.pauses < self.idle.pauses_until_now

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
            quality_changes=self.rate.changes,
            quality=self.rate.level,
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
