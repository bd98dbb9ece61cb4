"""What each control costs in the fuse stage: core-milliseconds a frame, one thread.

    python benchmarks/bench_controls.py
    python benchmarks/bench_controls.py --sizes 1080p --runs 30

A frame of the example clip, cropped and enlarged, stays in planes; T-Net and M-Net have drawn it once before. Time is
that of the thread's own core, so other programs disturb it little.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
from running import run

from shm_stream.background import open_background
from shm_stream.cli_bench import SIZES
from shm_stream.controls import NEUTRAL, Controls
from shm_stream.cover_fit import cover_fit_planes
from shm_stream.engine import Engine
from shm_stream.engine_choice import choose_runner
from shm_stream.errors import InputError
from shm_stream.frame import Frame
from shm_stream.live_controls import LiveControls
from shm_stream.panel.preview import Picture, Preview
from shm_stream.preset import get_preset
from shm_stream.source import open_source
from shm_stream.work import Work

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SETTINGS = {
    "none": NEUTRAL,
    "mirror": Controls(mirror=True),
    "threshold": Controls(threshold=(10, 90)),
    "shrink": Controls(shrink=2),
    "feather": Controls(feather=3),
    "despill": Controls(despill=100),
    "light wrap": Controls(light_wrap=50),
    "place": Controls(place=(10, 0, 0.8)),
    "all of these": Controls(3, 2, (10, 90), 100, 50, True, (10, 0, 0.8)),
    "freeze": Controls(hold="freeze"),
    "slate": Controls(hold="slate"),
}


def drawn_frame(size: tuple[int, int], runner, live: LiveControls) -> tuple[Engine, Work]:
    """An engine, and a frame of `size` (height, width) that waits for its fuse stage."""
    planes = next(iter(open_source(EXAMPLES / "webcam.mkv", max_frames=1))).planes
    frame = Frame(cover_fit_planes(planes, size[1], size[0]), 0, 0, Fraction(1, 25), 1)
    preset = get_preset("live")
    engine = Engine(runner, tnet_size=preset.tnet_size, outputs=["composite"], controls=live, planar=True)
    return engine, engine.mnet(engine.tnet(Work(frame)))


def core_ms(function, runs: int) -> float:
    """The least time of `runs` after two to warm up."""
    times = []
    for _ in range(runs + 2):
        start = time.thread_time()
        function()
        times.append((time.thread_time() - start) * 1000)
    return min(times[2:])


def measure(size: tuple[int, int], runner, runs: int) -> dict[str, float]:
    """Name → core-milliseconds."""
    beach = open_background(str(EXAMPLES / "beach.jpg"), size[1], size[0])
    live = LiveControls(NEUTRAL, beach, "beach")
    live.set_slate(cv2.cvtColor(cv2.imread(str(EXAMPLES / "beach.jpg")), cv2.COLOR_BGR2RGB))
    engine, drawn = drawn_frame(size, runner, live)
    result = {}
    for name, controls in SETTINGS.items():
        live.change({"hold": "none"})
        engine.fuse(replace(drawn, borrowed=[], outputs={}))
        live.change(vars(controls))

        def fuse() -> None:
            work = engine.fuse(replace(drawn, borrowed=[], outputs={}))
            engine.release(work)

        result[name] = core_ms(fuse, runs)
    result |= _preview(engine, engine.fuse(replace(drawn, borrowed=[], outputs={})), runs)
    return result


def _preview(engine: Engine, work: Work, runs: int) -> dict[str, float]:
    preview = Preview(engine)
    small = preview.small(work, "composite")
    return {
        "preview: nobody watches": core_ms(lambda: preview.offer(work), runs),
        "preview: a small copy": core_ms(lambda: preview.small(work, "composite"), runs),
        "preview: a small copy of alpha": core_ms(lambda: preview.small(work, "alpha"), runs),
        "preview: JPEG, in another thread": core_ms(lambda: Picture(small).jpeg, runs),
    }


def main(o: argparse.Namespace) -> None:
    if o.runs < 1:
        raise InputError("--runs must be 1 or more")
    cv2.setNumThreads(1)
    runner = choose_runner("live", None, "cpu")
    columns = {size: measure(SIZES[size], runner, o.runs) for size in o.sizes}
    print(f"{'core-ms a frame':34}" + "".join(f"{size:>8}" for size in columns))
    for name in next(iter(columns.values())):
        print(f"{name:34}" + "".join(f"{column[name]:8.2f}" for column in columns.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=[*SIZES], default=["720p", "1080p"])
    parser.add_argument("--runs", type=int, default=20)
    run(main, parser)
