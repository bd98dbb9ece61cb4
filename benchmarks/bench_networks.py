"""What the stages of a frame cost, and how long a frame takes through empty queues: the delay of the engine when live.

    python benchmarks/bench_networks.py [CLIP ...] [--size 1080p] [--runner native] [--dense] [--json networks.json]

Every 30th frame of the clips (default: the example), cropped to 16:9, enlarged and held as planes, goes a few times
through T-Net, M-Net and fusion over a colour, in the threads and queues of a job; it is put in when the one before has
come out, so that none waits for another. `latency_ms` is from there until the thread that would encode has it,
`compute_ms` what the stages took of that, `added_ms` the rest. The least of these times counts. Core-ms are those of
all threads. Weights decide what M-Net has to draw: a T-Net that is sure leaves little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
from running import run

from shm_stream import pipeline
from shm_stream.background import open_background
from shm_stream.bench_clip import EXAMPLE
from shm_stream.cli_bench import SIZES
from shm_stream.colour import ColourTags
from shm_stream.cover_fit import cover_fit
from shm_stream.engine import Engine
from shm_stream.engine_choice import choose_runner, make_engine
from shm_stream.errors import InputError
from shm_stream.frame import Frame
from shm_stream.planes import planes_from_rgb
from shm_stream.preset import get_preset
from shm_stream.prior import tnet_shape
from shm_stream.runners import RUNNERS
from shm_stream.source import open_source
from shm_stream.tiles import active_blocks
from shm_stream.work import Work

REPEATS = 7
EVERY = 30


def frames(clips: list[Path], size: tuple[int, int]):
    """Frames of the clips as planes of the wanted size."""
    for clip in clips:
        with open_source(clip) as source:
            for frame in source:
                if frame.index % EVERY == EVERY // 2:
                    pixels = cover_fit(frame.pixels, *size[::-1])
                    planes = planes_from_rgb(pixels, ColourTags())
                    yield Frame(planes, frame.index, frame.pts, frame.time_base, frame.duration)


class Timed:
    """A stage, and what it took for each frame."""

    def __init__(self, stage: Callable[[Work], Work]):
        self._stage = stage
        self.milliseconds: list[float] = []
        self.core_ms: list[float] = []

    def __call__(self, work: Work) -> Work:
        began, cores_began = time.perf_counter(), time.process_time()
        work = self._stage(work)
        self.core_ms.append(1e3 * (time.process_time() - cores_began))
        self.milliseconds.append(1e3 * (time.perf_counter() - began))
        return work


def measure(engine: Engine, frame: Frame) -> dict[str, float]:
    """Milliseconds of one frame on its own, the least of some runs; the prior alpha is there."""
    engine.reset()
    engine.tnet(Work(frame))
    stages = {name: Timed(stage) for name, stage in engine.stages}
    latencies = []

    def arrive(work: Work) -> None:
        latencies.append(1e3 * (time.perf_counter() - work.taken_at))
        engine.release(work)

    pipeline.run((Work(frame) for _ in range(REPEATS)), [*stages.items()], arrive, in_flight=1)
    computed = [sum(times) for times in zip(*(stage.milliseconds for stage in stages.values()), strict=True)]
    least = min(range(REPEATS), key=latencies.__getitem__)
    result = {f"{name}_core_ms": min(stage.core_ms) for name, stage in stages.items()}
    result |= {"latency_ms": latencies[least], "compute_ms": computed[least]}
    result["added_ms"] = latencies[least] - computed[least]
    work = engine.tnet(Work(frame))
    return result | {"blocks_percent": 100 * float(active_blocks(work.logits, *frame.size, 4).mean())}


def main(o: argparse.Namespace) -> None:
    cv2.setNumThreads(1)
    height, width = SIZES[o.size]
    preset = get_preset("live")
    background = open_background("#00b140", width, height)
    outputs = {"outputs": ["composite"], "background": background, "planar": True, "dense": o.dense}
    engine = make_engine(choose_runner("live", o.runner, "cpu"), preset, None, **outputs)
    rows = [measure(engine, frame) for frame in frames(o.clips or [EXAMPLE], SIZES[o.size])]
    if not rows:
        raise InputError(f"no clip has {EVERY // 2 + 1} frames, so none was measured")
    shape = tnet_shape(height, width, preset.tnet_size)
    print(f"{len(rows)} frames of {width}x{height}, T-Net at {shape}, runner {engine.runner.name}, {engine.kernel}")
    result = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    for name, median in result.items():
        values = [row[name] for row in rows]
        print(f"{name:16} median {median:7.1f}  least {min(values):7.1f}  most {max(values):7.1f}")
    if o.json:
        o.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--size", choices=SIZES, default="1080p")
    parser.add_argument("--runner", choices=RUNNERS)
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--json", type=Path)
    run(main, parser)
