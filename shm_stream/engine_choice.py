"""Which engine does a job, and in what form its outputs go to the sinks."""

from __future__ import annotations

from . import native
from .device import choose_device
from .engine import Engine
from .hardware_decoder import frames_can_stay
from .runners import load_runner
from .threads import Threads, share_out, usable_cores


def choose_runner(preset: str, runner, device: str, threads: int | None = None):
    """A loaded runner: `runner` itself if it is one already, else by name for the device, `threads` as `load_runner`
    has it. Raises InputError."""
    if runner is not None and not isinstance(runner, str):
        return runner
    native.path_name()  # a missing extension or a wrong SHM_STREAM_CPU is said before weights are read
    return load_runner(preset, runner, choose_device(device, runner), threads)


def threads_of(options) -> Threads:
    """Of a job. Raises InputError."""
    return share_out(usable_cores(options.cores), _device_of(options))


def _device_of(options) -> str:
    loaded = getattr(options.runner, "device", None)  # a runner, not the name of one
    return loaded or choose_device(options.device, options.runner)


def frames_stay_on_gpu(options) -> bool:
    """Whether frames are decoded on the GPU that the networks run on, and need not leave it. Raises InputError.

    With a lookahead they leave it: those that wait are kept on the host.
    """
    if not frames_can_stay(options.hwaccel) or options.lookahead:
        return False
    return _device_of(options).startswith("cuda")


def stays_planar(source, sinks: dict) -> bool:
    """Whether composites need never be RGB: frames come as planes, and all who take composites take those."""
    takers = [sink for sink in sinks.values() if sink.kind == "composite"]
    return source.planar and all(sink.takes_planes for sink in takers)


def fine_kinds(sinks: dict, source, options) -> set[str]:
    """The kinds that are made in float32: whoever takes them keeps more than 8 bits, and there is time for it."""
    if options.panel or source.live:
        return set()
    kinds = {sink.kind for sink in sinks.values() if getattr(sink, "fine", False)}
    return kinds - {"composite"} if options.vcam else kinds


def composites_can_stay(sinks: dict) -> bool:
    """Whether all who take composites encode them on the GPU that makes them, if it is one."""
    takers = [sink for sink in sinks.values() if sink.kind == "composite"]
    return bool(takers) and all(getattr(sink, "takes_device_planes", False) for sink in takers)


def make_engine(runner, preset, tnet_size: int | None, *, composites_stay: bool = False, **options):
    """The engine for the runner's device; `options` are those of `Engine`."""
    make = Engine
    if runner.device.startswith("cuda"):
        from .engine_cuda import CudaEngine as make

        options["composites_stay"] = composites_stay
    tnet_size = preset.tnet_size if tnet_size is None else tnet_size
    return make(runner, tnet_size=tnet_size, uses_prior=preset.uses_prior, **options)
