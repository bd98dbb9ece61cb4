"""One job: open and check everything, run the pipeline, report."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import native, pipeline
from .background import open_background
from .device import choose_device
from .engine import Engine, check_tnet_size
from .errors import ShmStreamError
from .outputs import CAMERA, TRANSPARENT, plan_outputs
from .part import Part
from .preset import get_preset
from .prior import PriorState
from .runners import load_runner
from .sink import open_sink
from .sink_camera import CameraSink
from .source import open_source
from .work import Work


@dataclass(frozen=True)
class JobOptions:
    """What to do. None means "not asked for" or "choose the usual"."""

    input: str | os.PathLike
    """A video, an image or a folder of images."""
    output: str | os.PathLike | None = None
    """Where the composite goes; None: beside the input, with `_composite` in its name."""
    bg: str | os.PathLike | None = None
    """An image, a video, a colour, `blur`, `blur:N` or `transparent`."""
    alpha: str | os.PathLike | None = None
    """Where the alpha goes, as a grey picture."""
    foreground: str | os.PathLike | None = None
    """Where the subject's straight colours go."""
    vcam: str | None = None
    """Virtual camera that shows the composite: a device, a pyvirtualcam backend, or "auto"."""
    preset: str = "live"
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    runner: object = None
    """`onnxruntime`, `torch`, a loaded runner, or None for the usual one of the device."""
    tnet_size: int | None = None
    """T-Net's input has about tnet_size squared pixels; None for the preset's own."""
    dense: bool = False
    """Run M-Net on whole frames instead of the tiles where it can matter."""
    start: float = 0.0
    """Seconds to skip."""
    duration: float | None = None
    """Seconds to take."""
    frames: int | None = None
    """Frames to take at most."""
    codec: str | None = None
    """Video encoder of the composite; of alpha and foreground when there is no composite."""
    crf: int | None = None
    """Quality for that encoder, lower is better."""
    overwrite: bool = False
    part: Part = Part()
    """Which part of a video this is, when the others are made apart. Parts have no audio."""


@dataclass
class Report:
    """What a job did."""

    frames: int
    """How many frames each output holds."""
    seconds: float
    """From the first frame asked for until the outputs were complete."""
    device: str
    runner: str
    kernel: str
    """The path of the per-pixel kernels."""
    outputs: dict[str, Path]
    """Kind (composite, alpha, foreground, transparent) → file or folder; camera → device."""
    interrupted: bool = False
    """Ctrl-C ended it; the outputs hold what was done until then."""
    input_warning: str | None = None
    """What part of the input could not be read (it is missing in the outputs), or None."""
    warnings: list[str] = field(default_factory=list)
    """Anything else that was left out, such as audio that does not fit into the container."""
    stages: list[pipeline.StageTimes] = field(default_factory=list)

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0


class Job:
    """Everything opened and checked, nothing written yet. Use as a context manager; `run` once."""

    def __init__(self, options: JobOptions, statistics=None):
        """`statistics`: something that is told of each frame as qc_statistics.ShotStatistics is.

        Raises InputError for whatever cannot be used.
        """
        preset = get_preset(options.preset)
        check_tnet_size(options.tnet_size)
        self._closing = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            self.source = opened.enter_context(_open_source(options))
            bg = None if options.bg is None else os.fspath(options.bg)
            planned = plan_outputs(self.source, options, bg)
            kinds = {*planned, *(["composite"] if options.vcam else [])}
            background = None
            if "composite" in kinds:
                background = open_background(bg, self.source.width, self.source.height)
                opened.callback(background.close)
            self.sinks = {kind: _open_sink(path, kind, options, self.source) for kind, path in planned.items()}
            runner = choose_runner(options.preset, options.runner, options.device)
            self.engine = make_engine(
                runner,
                preset,
                options.tnet_size,
                outputs=kinds,
                background=background,
                dense=options.dense,
                planar=stays_planar(self.source, self.sinks, options.vcam),
            )
            if options.vcam:  # last: from here on the camera is taken
                self.sinks[CAMERA] = CameraSink(options.vcam, self.source)
            self._closing = opened.pop_all()
        self._statistics = statistics
        self._part = options.part
        self.prior_before: PriorState | None = self._part.prior
        """What the last frame that was not written left behind."""
        if self.prior_before is not None:
            self.engine.resume(self.prior_before)
            self._resume_statistics()
        self.last: Work | None = None
        """The last frame that was written, without its outputs."""
        self._written = 0

    def run(self, on_frame: Callable[[int], None] | None = None) -> Report:
        """Write the outputs. `on_frame(count)` is called after each frame, in another thread.

        After a failure no unfinished file is left. Raises ShmStreamError, or KeyboardInterrupt when Ctrl-C came
        before the first frame was written or a second time.
        """
        started = time.perf_counter()
        try:
            result = pipeline.run(
                (Work(self._part.place(frame)) for frame in self.source),
                self.engine.stages,
                lambda work: self._write(work, on_frame),
                finish=self._finish,
            )
            if self._written == 0:
                if result.interrupted:
                    raise KeyboardInterrupt
                raise ShmStreamError(self.source.warning or f"no frame of {self.source.path} could be read")
        except BaseException:
            for sink in self.sinks.values():
                sink.abort()
            raise
        return self._report(result, time.perf_counter() - started)

    def _write(self, work: Work, on_frame: Callable[[int], None] | None) -> None:
        self.engine.wait(work)
        if work.frame.index < self._part.lead_in:
            self._lead_in(work)
            return
        if self._statistics is not None:
            self._statistics.add(work)  # before the encoders get hold of the planes
        for sink in self.sinks.values():
            sink.write(work.frame, work.outputs[sink.kind])
        self.engine.release(work)
        self.last = work
        self._written += 1
        if on_frame is not None:
            on_frame(self._written)

    def _lead_in(self, work: Work) -> None:
        self.prior_before = PriorState(work.reduced, work.logits)
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

    def _report(self, result: pipeline.PipelineReport, seconds: float) -> Report:
        return Report(
            frames=self._written,
            seconds=seconds,
            device=self.engine.runner.device,
            runner=self.engine.runner.name,
            kernel=self.engine.kernel,
            outputs={kind: Path(sink.path) for kind, sink in self.sinks.items()},
            interrupted=result.interrupted,
            input_warning=self.source.warning,
            warnings=[sink.warning for sink in self.sinks.values() if sink.warning],
            stages=result.stages,
        )

    def close(self) -> None:
        """Close the source and the background."""
        self._closing.close()

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def choose_runner(preset: str, runner, device: str):
    """A loaded runner: `runner` itself if it is one already, else by name for the device. Raises InputError."""
    if runner is not None and not isinstance(runner, str):
        return runner
    native.path_name()  # a missing extension or a wrong SHM_STREAM_CPU is said before weights are read
    return load_runner(preset, runner, choose_device(device, runner))


def stays_planar(source, sinks: dict, vcam: str | None) -> bool:
    """Whether composites need never be RGB: frames come as planes, and all who take composites take those."""
    takers = [sink for sink in sinks.values() if sink.kind == "composite"]
    return source.planar and not vcam and all(sink.takes_planes for sink in takers)


def make_engine(runner, preset, tnet_size: int | None, **options):
    """The engine for the runner's device; `options` are those of `Engine`."""
    make = Engine
    if runner.device.startswith("cuda"):
        from .engine_cuda import CudaEngine as make
    tnet_size = preset.tnet_size if tnet_size is None else tnet_size
    return make(runner, tnet_size=tnet_size, uses_prior=preset.uses_prior, **options)


def _open_source(options: JobOptions):
    return open_source(
        options.input,
        start_seconds=options.start,
        duration_seconds=options.duration,
        max_frames=options.frames,
    )


def _open_sink(path: str, kind: str, options: JobOptions, source):
    main = kind in ("composite", TRANSPARENT) or options.bg is None
    return open_sink(
        path,
        source,
        kind=kind,
        codec=options.codec if main else None,
        crf=options.crf if main else None,
        overwrite=options.overwrite,
        audio_from=source.path if source.kind == "video" and options.part == Part() else None,
        start_seconds=options.start,
        duration_seconds=options.duration,
    )
