"""Measures one job as users run it, file in and file out, and its two networks alone. See `shm-stream bench`."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import pipeline
from .engine import Engine
from .errors import ShmStreamError
from .frame import Frame
from .job import Job
from .job_options import JobOptions
from .job_report import Report
from .machine import cores, peak_rss_mb
from .source import open_source
from .tiles import TILE
from .work import Work

NETWORKS = ("tnet", "mnet")
"""The stages that are networks, with the preparation of their inputs."""
HELD_BYTES = 256_000_000
"""Frames held for measuring the networks alone: they must not be decoded meanwhile."""


@dataclass(frozen=True)
class StageCost:
    """Where the thread of a stage spent its time, in milliseconds a frame, and what waited for it."""

    name: str
    busy_ms: float
    wait_input_ms: float
    wait_output_ms: float
    queued_frames_mean: float | None
    """In the queue before it, over the time from the first frame there to the last; None for the source."""
    queue_limit_frames: int | None


@dataclass(frozen=True)
class Figures:
    """What a job cost."""

    frames: int
    wall_seconds: float
    """From the first frame asked for until the output was complete."""
    end_to_end_fps: float
    network_only_fps: float
    core_ms_per_frame: float
    """Time of all cores together, user and system."""
    utilisation_percent: float
    """Of all cores that the process may use, over the whole time."""
    peak_rss_mb: float | None
    mnet_tiles_percent: float | None
    """Share of all tiles that M-Net drew; None on a GPU, where whole frames are drawn."""
    mnet_whole_frames_percent: float | None
    """Frames that M-Net drew in one piece, since their tiles with halos would have cost more."""
    stages: list[StageCost]


class TileCounter:
    """A runner that passes everything on to another one, and counts what M-Net is given."""

    def __init__(self, runner):
        self._runner = runner
        self.frames = self.windows = self.whole_frames = 0
        self._tiles_a_frame = 1
        if hasattr(runner, "draw"):
            self.draw = self._draw
        self._whole: tuple[int, int] | None = None

    def __getattr__(self, name: str):
        return getattr(self._runner, name)

    def expect(self, engine: Engine, height: int, width: int) -> None:
        """Tell windows from whole frames of this size."""
        self._whole = engine.padded_size(height, width)
        side = TILE - TILE % self.multiple
        self._tiles_a_frame = math.ceil(height / side) * math.ceil(width / side)

    def tnet(self, x):
        self.frames += 1
        return self._runner.tnet(x)

    def mnet(self, x):
        if x.shape[1:] == self._whole:
            self.whole_frames += 1
        else:
            self.windows += 1
        return self._runner.mnet(x)

    def _draw(self, frame, logits, wanted, alpha_raw, stale=None):
        """Blocks count as the share of the frame that they are."""
        share = wanted.mean()
        if share == 1:
            self.whole_frames += 1
        else:
            self.windows += share * self._tiles_a_frame
        self._runner.draw(frame, logits, wanted, alpha_raw, stale)

    @property
    def tiles_percent(self) -> float | None:
        """None when the engine did not call the networks through this object."""
        if not self.frames:
            return None
        drawn = self.windows + self.whole_frames * self._tiles_a_frame
        return 100 * drawn / (self.frames * self._tiles_a_frame)

    @property
    def whole_frames_percent(self) -> float | None:
        return 100 * self.whole_frames / self.frames if self.frames else None


def measure(options: JobOptions, network_seconds: float = 3.0) -> tuple[Figures, Report]:
    """Run the job of `options`, whose `runner` is loaded, then its networks alone for about `network_seconds`.

    Raises ShmStreamError, or KeyboardInterrupt when Ctrl-C ended the job early.
    """
    counter = TileCounter(options.runner)
    with Job(replace(options, runner=counter)) as job:
        size = (job.source.height, job.source.width)
        counter.expect(job.engine, *size)
        job.engine.compile_tnet(size)  # part of loading, not of a frame
        began = time.process_time()
        report = job.run()
        core_seconds = time.process_time() - began
        if report.interrupted:
            raise KeyboardInterrupt
        figures = {
            "core_ms_per_frame": 1e3 * core_seconds / report.frames,
            "utilisation_percent": 100 * core_seconds / (report.seconds * cores()),
            "peak_rss_mb": peak_rss_mb(),
            "mnet_tiles_percent": counter.tiles_percent,
            "mnet_whole_frames_percent": counter.whole_frames_percent,
        }
        figures["network_only_fps"] = networks_fps(job.engine, options, network_seconds)
    return _figures(report, figures), report


def _figures(report: Report, others: dict) -> Figures:
    return Figures(
        frames=report.frames,
        wall_seconds=report.seconds,
        end_to_end_fps=report.fps,
        stages=[_stage_cost(stage, report.frames) for stage in report.stages],
        **others,
    )


def _stage_cost(stage: pipeline.StageTimes, frames: int) -> StageCost:
    times = (stage.busy_seconds, stage.wait_in_seconds, stage.wait_out_seconds)
    return StageCost(
        stage.name, *(1e3 * seconds / frames for seconds in times), stage.queued_mean, stage.queue_limit
    )


def networks_fps(engine: Engine, options: JobOptions, seconds: float) -> float:
    """Frames a second that T-Net and M-Net make of frames in memory, side by side as in a job."""
    frames = _held_frames(options)
    stages = [stage for stage in engine.stages if stage[0] in NETWORKS]
    engine.reset()
    began = time.perf_counter()
    done = pipeline.run(_again(frames, began + seconds), stages, lambda work: _settle(engine, work))
    if done.interrupted or not done.items:
        raise KeyboardInterrupt
    return done.items / (time.perf_counter() - began)


def _held_frames(options: JobOptions) -> list[Frame]:
    """The first frames of the clip, as many as would fit into HELD_BYTES as RGB, at least two."""
    held: list[Frame] = []
    with open_source(options.input, duration_seconds=options.duration) as source:
        for frame in source:
            held.append(frame)
            if len(held) > 1 and (len(held) + 1) * 3 * math.prod(frame.size) > HELD_BYTES:
                break
    if not held:
        raise ShmStreamError(f"no frame of {options.input} could be read a second time")
    return held


def _again(frames: list[Frame], end: float) -> Iterator[Work]:
    """All frames, again and again until `end` (of `time.perf_counter`)."""
    for frame in itertools.cycle(frames):
        yield Work(frame)
        if time.perf_counter() >= end:
            return


def _settle(engine: Engine, work: Work) -> None:
    """The end of a frame that is not fused: wait for the GPU, give arrays back."""
    if engine.runner.device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(engine.runner.device)
    engine.release(work)
