"""One job: open and check everything, run the pipeline, report."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from . import native, pipeline
from .background import open_background
from .controls import NEUTRAL, Controls
from .delivery import Delivery, for_target
from .device import choose_device
from .engine import Engine, check_tnet_size
from .errors import InputError, ShmStreamError
from .guides import open_guides
from .latency import Latency, LatencyCounter
from .live_controls import LiveControls
from .live_options import LiveOptions
from .live_sink import LiveReport, LiveSink
from .outputs import CAMERA, TRANSPARENT, plan_live, plan_outputs
from .pace import paced
from .picture_format import is_pattern
from .preset import get_preset
from .runners import load_runner
from .sidecar import Sidecars
from .sink import is_folder, open_live_sink, open_sink
from .sink_camera import CameraSink
from .source import open_source
from .work import Work

LIVE_FRAMES = 3
"""Of a live input on their way at once: T-Net, M-Net and the outputs work side by side, and no frame waits long."""
EDITED = "edge controls, live inputs and the control page work in 8 bits: outputs hold no more"


@dataclass(frozen=True)
class JobOptions:
    """What to do. None means "not asked for" or "choose the usual"."""

    input: str | os.PathLike
    """A video, an image, a folder of images, a camera, a screen, a stream, or `-` for stdin."""
    output: str | os.PathLike | Sequence[str | os.PathLike] | None = None
    """Where the composite goes: a file or folder, a live output (a URL, a .m3u8 playlist, "-" for stdout), or several
    with at most one file among them. None: beside the input, with `_composite` in its name."""
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
    """`native`, `onnxruntime`, `openvino`, `torch`, a loaded runner, or None for the usual one of the device."""
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
    rate: Fraction | None = None
    """Pictures a second of a folder; None: 25."""
    deinterlace: bool = False
    """Make whole pictures of the fields of interlaced video."""
    codec: str | None = None
    """Video encoder of the composite; of alpha and foreground when there is no composite."""
    crf: int | None = None
    """Quality for that encoder, lower is better."""
    bits: int | None = None
    """At least that many in each channel of the outputs; None: as many as the source has."""
    image_format: str | None = None
    """`png`, `tif`, `exr`, ...: of pictures in folders."""
    start_number: int | None = None
    """Of the first picture of a numbered sequence."""
    alpha_mode: str | None = None
    """`straight` or `premultiplied`; None: premultiplied in EXR, else straight."""
    linear: bool | None = None
    """Linear light or the source's encoding; None: linear in EXR."""
    sidecar: bool = False
    """Say what each output is in a JSON file beside it."""
    target: str | None = None
    """`nuke`, `resolve`, `premiere`, `obs` or `web`: outputs as that program takes them."""
    overwrite: bool = False
    controls: Controls = NEUTRAL
    """What is done to the edges and where people stand."""
    trimap: str | os.PathLike | None = None
    """An image, a folder or a video that stands in for T-Net: 0 background, 255 foreground, else unknown."""
    holdout: str | os.PathLike | None = None
    """The same: white where nobody is, whatever the networks say."""
    keep: str | os.PathLike | None = None
    """The same: white where somebody is; `holdout` counts more."""
    person: str = "all"
    """`all`, or only one: the `largest`, or the one nearest to the `center`, followed from there."""
    panel: bool = False
    """A control page shows the composite, so that a live input needs no file."""
    live: LiveOptions = LiveOptions()
    """How to open and follow an input that is no file, and who is told of what happens to it and to live outputs."""
    bitrate: int | None = None
    """Bits a second of each H.264 stream that goes to a server or playlist; None: by size and rate."""
    stdout_format: str = "nut"
    """`nut` or `rawvideo`."""
    obs: int | None = None
    """Port at which OBS Studio may fetch cut-outs with alpha."""


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
    outputs: dict[str, Path | str]
    """Kind (composite, alpha, foreground, transparent) → file or folder; camera → device; name of a live output → that
    name, which has no secrets."""
    interrupted: bool = False
    """Ctrl-C ended it; the outputs hold what was done until then."""
    input_warning: str | None = None
    """What part of the input could not be read (it is missing in the outputs), or None."""
    warnings: list[str] = field(default_factory=list)
    """Anything else that was left out, such as audio that does not fit into the container."""
    dropped: int = 0
    """Frames of a live input that came while the engine was busy."""
    reconnects: int = 0
    """How often a lost live input came back."""
    latency: Latency | None = None
    """How long frames were on their way from the decoder to the outputs."""
    live: list[LiveReport] = field(default_factory=list)
    """What became of each live output."""
    stages: list[pipeline.StageTimes] = field(default_factory=list)

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0


class Job:
    """Everything opened and checked, nothing written yet. Use as a context manager; `run` once."""

    def __init__(self, options: JobOptions):
        """Raises InputError for whatever cannot be used."""
        if options.target is not None:
            options = for_target(options, options.target)
        preset = get_preset(options.preset)
        check_tnet_size(options.tnet_size)
        self._closing = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            self.source = opened.enter_context(_open_source(options))
            bg = None if options.bg is None else os.fspath(options.bg)
            planned = plan_outputs(self.source, options, bg)
            live = plan_live(options, bg)
            kinds = {*planned, *live.values(), *(["composite"] if options.vcam or options.panel else [])}
            background = open_background(bg, self.source.width, self.source.height) if "composite" in kinds else None
            self.controls = LiveControls(options.controls, background, bg)
            opened.callback(self.controls.close)
            guides = open_guides(options, self.source)
            opened.callback(guides.close)
            safe = bool(live) or self.source.live
            self.sinks = {kind: _open_sink(path, kind, options, self.source, safe) for kind, path in planned.items()}
            if options.alpha_mode is not None and TRANSPARENT not in kinds:
                raise InputError("--alpha-mode is about colours beside alpha: give --bg transparent with it")
            self._sidecars = Sidecars(self.sinks, self.source, overwrite=options.overwrite) if options.sidecar else None
            runner = choose_runner(options.preset, options.runner, options.device)
            self.engine = make_engine(
                runner,
                preset,
                options.tnet_size,
                outputs=kinds,
                controls=self.controls,
                guides=guides,
                dense=options.dense,
                planar=stays_planar(self.source, self.sinks, options.vcam),
                fine=fine_kinds(self.sinks, self.source, options) - {*live.values()},
            )
            for target, kind in live.items():
                self.sinks[target.name] = sink = _open_live_sink(target, kind, options, self.source)
                opened.callback(sink.abort)
            if options.vcam:  # last: from here on the camera is taken
                self.sinks[CAMERA] = CameraSink(options.vcam, self.source)
            self._closing = opened.pop_all()
        self.watchers: list[Callable[[Work], None]] = []
        """Each is given every frame's work, its outputs made and not yet given back, in the sink's thread."""
        self._paced = not self.source.live and any(target.protocol != "stdout" for target in live)
        self._latency = LatencyCounter()
        self._written = 0
        self._stopping = threading.Event()

    def run(self, on_frame: Callable[[int], None] | None = None) -> Report:
        """Write the outputs. `on_frame(count)` is called after each frame, in another thread.

        After a failure no unfinished file is left. Raises ShmStreamError, or KeyboardInterrupt when Ctrl-C came
        before the first frame was written or a second time.
        """
        started = time.perf_counter()
        try:
            result = pipeline.run(
                self._works(),
                self.engine.stages,
                lambda work: self._write(work, on_frame),
                finish=self._finish,
                stop=getattr(self.source, "stop", None),
                in_flight=LIVE_FRAMES if self.source.live else None,
            )
            if result.items == 0:
                if result.interrupted or self._stopping.is_set():
                    raise KeyboardInterrupt
                raise ShmStreamError(self.source.warning or f"no frame of {self.source.path} could be read")
        except BaseException:
            for sink in self.sinks.values():
                sink.abort()
            raise
        return self._report(result, time.perf_counter() - started)

    def stop(self) -> None:
        """End the run as if the input had ended here; from any thread."""
        self._stopping.set()
        getattr(self.source, "stop", lambda: None)()

    def _works(self) -> Iterator[Work]:
        for frame in paced(self.source) if self._paced else self.source:
            if self._stopping.is_set():
                return
            yield Work(frame)

    def _write(self, work: Work, on_frame: Callable[[int], None] | None) -> None:
        self.engine.wait(work)
        self._latency.add(time.perf_counter() - work.begun_seconds)
        for sink in self.sinks.values():
            sink.write(work.frame, work.outputs[sink.kind])
        for watch in self.watchers:
            watch(work)
        self.engine.release(work)
        self._written += 1
        if on_frame is not None:
            on_frame(self._written)

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
        coarse = EDITED if fine and getattr(self.source, "bits", 8) > 8 and not self.engine.fine else None
        told = [getattr(self.source, "notice", None), coarse, *(sink.warning for sink in self.sinks.values())]
        return [line for line in told if line]

    def _report(self, result: pipeline.PipelineReport, seconds: float) -> Report:
        return Report(
            frames=result.items,
            seconds=seconds,
            device=self.engine.runner.device,
            runner=self.engine.runner.name,
            kernel=self.engine.kernel,
            outputs={kind: sink.path for kind, sink in self.sinks.items()},
            interrupted=result.interrupted,
            input_warning=self.source.warning,
            warnings=self.notices,
            dropped=getattr(self.source, "dropped", 0),
            reconnects=getattr(self.source, "reconnects", 0),
            latency=self._latency.summary(),
            live=[sink.report() for sink in self.sinks.values() if isinstance(sink, LiveSink)],
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


def fine_kinds(sinks: dict, source, options: JobOptions) -> set[str]:
    """The kinds that are made in float32: whoever takes them keeps more than 8 bits, and no control can edit them."""
    if options.panel or source.live or options.controls != NEUTRAL:
        return set()
    kinds = {sink.kind for sink in sinks.values() if getattr(sink, "fine", False)}
    return kinds - {"composite"} if options.vcam else kinds


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
        live=options.live,
        deinterlace=options.deinterlace,
        rate=options.rate,
    )


def _open_sink(path: str, kind: str, options: JobOptions, source, safe: bool):
    main = kind in ("composite", TRANSPARENT) or options.bg is None
    return open_sink(
        path,
        source,
        kind=kind,
        codec=options.codec if main else None,
        crf=options.crf if main else None,
        overwrite=options.overwrite,
        audio_from=source.audio_from,
        start_seconds=options.start,
        duration_seconds=options.duration,
        delivery=_delivery(options, kind, path),
        safe=safe,
    )


def _delivery(options: JobOptions, kind: str, path: str) -> Delivery:
    """What was asked for, as far as it can be meant for this output: a sequence number is not for a video file."""
    numbered = is_pattern(Path(path))
    return Delivery(
        bits=options.bits,
        image_format=options.image_format if not numbered and is_folder(path) else None,
        start_number=options.start_number if numbered or is_folder(path) else None,
        alpha_mode=options.alpha_mode if kind == TRANSPARENT else None,
        linear=options.linear,
    )


def _open_live_sink(target, kind: str, options: JobOptions, source):
    return open_live_sink(
        target,
        source,
        kind=kind,
        bitrate=options.bitrate,
        stdout_format=options.stdout_format,
        overwrite=options.overwrite,
        tell=options.live.tell,
    )
