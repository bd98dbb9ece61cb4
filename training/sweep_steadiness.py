"""What smoothing in time and a lookahead are worth, and what they cost.

    python -m training.sweep_steadiness --data DATA [--runner openvino] [--json steadiness.json]

Each row is the matte with `--temporal` and `--lookahead` of these values. MAD and dtSSD are those of composites whose
alpha is exact: the people of `sweep_interval`, who move before rooms that the camera pans over, in a quarter of the
pixels and with a sensor's noise. Flicker is that of the real webcam clips, which have no truth. Core-ms are those that
the trimap's smoothing takes, the mean over all frames.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from shm_stream.controls import Controls
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.live_controls import LiveControls
from shm_stream.measures import mean_absolute_difference
from shm_stream.measures_video import dtssd, flicker, flow_to_previous
from shm_stream.pipeline import through
from shm_stream.preset import get_preset
from shm_stream.runners import load_runner
from shm_stream.source import open_source
from shm_stream.work import Work

from . import options, sweep_interval
from .sweep_interval import Measured

SIZE = (360, 640)
ROWS = ((0, 0), (50, 0), (100, 0), (0, 1), (0, 2), (0, 4), (50, 2))
"""(temporal, lookahead)"""
NAMES = ("mad_x1e3", "dtssd_x1e2", "flicker_x1e3", "core_ms")


@dataclass
class Options:
    data: Path
    runner: str = "native"
    count: int = 12
    """Composites."""
    frames: int = 24
    """Of each composite and clip."""
    clips: int = 22
    """Real ones, at most."""
    noise: float = 3.0
    """Standard deviation, in steps of 255."""
    seed: int = 7
    json: Path | None = None


class TimedEngine(Engine):
    """Notes what smoothing costs."""

    def __init__(self, runner, temporal: int, lookahead: int):
        controls = LiveControls(Controls(temporal=temporal), None)
        super().__init__(runner, tnet_size=get_preset("live").tnet_size, controls=controls, lookahead=lookahead)
        self.seconds = 0.0

    def look_ahead(self, work: Work) -> Work | None:
        return self._timed(self.lookahead, work)

    def _smooth(self, work: Work) -> None:
        self._timed(super()._smooth, work)

    def _timed(self, function, work: Work):
        began = time.process_time()
        work = function(work)
        self.seconds += time.process_time() - began
        return work


def mattes(runner, pictures: list[np.ndarray], temporal: int, lookahead: int, into: Measured) -> list[np.ndarray]:
    """Alpha of every frame; what smoothing costs goes to `into`."""
    engine, alphas = TimedEngine(runner, temporal, lookahead), []
    works = through((Work(Frame(p, n, n, None, 1)) for n, p in enumerate(pictures)), engine.tnet)
    if lookahead:
        works = chain(filter(None, map(engine.look_ahead, works)), engine.lookahead.rest())
    for work in works:
        alphas.append(engine.alpha(engine.mnet(work)))
        engine.release(work)
    into["core_ms"].append(1e3 * engine.seconds / len(pictures))
    return alphas


def composites(o: Options) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """(frames [H, W, 3] uint8 RGB, alphas [H, W] float32) of each clip."""
    clips = sweep_interval.Options(o.data, count=o.count, frames=o.frames, seed=o.seed)
    for index, clip in enumerate(sweep_interval.moving_composites(clips)):
        rng = np.random.default_rng((o.seed, index))
        pictures, alphas = ([cv2.resize(p, SIZE[::-1], interpolation=cv2.INTER_AREA) for p in part] for part in clip)
        noisy = [np.clip(p + rng.normal(0, o.noise, p.shape) + 0.5, 0, 255).astype(np.uint8) for p in pictures]
        yield noisy, alphas


def measure_composites(o: Options, runner, measured: dict) -> None:
    for pictures, truths in composites(o):
        for values, into in measured.items():
            found = mattes(runner, pictures, *values, into)
            into["mad_x1e3"] += [1e3 * mean_absolute_difference(a, t) for a, t in zip(found, truths, strict=True)]
            pairs = zip(found[1:], found, truths[1:], truths, strict=False)
            into["dtssd_x1e2"] += [100 * dtssd(*four) for four in pairs]


def measure_clips(o: Options, runner, measured: dict) -> None:
    for clip in sorted((o.data / "videos").glob("*.m[kp][v4]"))[: o.clips]:
        with open_source(clip, max_frames=o.frames) as source:
            pictures = [frame.pixels for frame in source]
        flows = [flow_to_previous(*pair) for pair in zip(pictures[1:], pictures, strict=False)]
        for values, into in measured.items():
            found = mattes(runner, pictures, *values, into)
            pairs = zip(found[1:], found, flows, strict=False)
            into["flicker_x1e3"].append(1e3 * float(np.mean([flicker(*three) for three in pairs])))


def measure_all(o: Options) -> None:
    options.check_least(o, 2, "frames")
    cv2.setNumThreads(1)
    runner, measured = load_runner("live", o.runner), {values: Measured(*NAMES) for values in ROWS}
    measure_composites(o, runner, measured)
    measure_clips(o, runner, measured)
    rows = [{"temporal": values[0], "lookahead": values[1]} | into.means() for values, into in measured.items()]
    for row in rows:
        print(json.dumps(row))
    if o.json:
        o.json.write_text(json.dumps(rows, indent=1) + "\n")


def main() -> None:
    options.run(measure_all, Options, __doc__)


if __name__ == "__main__":
    main()
