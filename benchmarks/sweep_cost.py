"""What a frame costs, against how much of it is uncertain, its size, and the number of cores; with a plot.

    python benchmarks/sweep_cost.py [--sizes 480p 720p 1080p 4k] [--cores 1 2] [--runner native] [--plot docs/cost.png]
        [--json cost.json]

Area: one frame of the example clip at 1080p whose logits are multiplied by more and less than 1, which narrows and
widens the band that M-Net draws; core-ms of M-Net's stage, the least of --repeats. Sizes and cores: whole jobs of
`shm-stream bench`, the middle of --rounds, with the process held to so many cores (Linux).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from bench_networks import frames
from matplotlib.figure import Figure
from running import run

from shm_stream.bench_clip import EXAMPLE, make_clip_apart
from shm_stream.cli_bench import SIZES
from shm_stream.engine import Engine
from shm_stream.engine_choice import choose_runner, make_engine
from shm_stream.errors import InputError, ShmStreamError
from shm_stream.machine import cores
from shm_stream.preset import get_preset
from shm_stream.runners import RUNNERS, Runner
from shm_stream.tiles import active_blocks
from shm_stream.work import Work

ALL_SIZES = {"480p": (480, 854)} | SIZES
SHARPNESS = (16, 8, 4, 2, 1.4, 1, 0.7, 0.5, 0.35, 0.25, 0.15, 0.05, 0)
"""What logits are multiplied with; at 0 everything is unknown."""
TIMEOUT_SECONDS = 600
FPS, CORE_MS = "end_to_end_fps", "core_ms_per_frame"
INK = "#303840"
COLOURS = ("#1b6ca8", "#c4572b", "#3d8b5f", "#7a5ba6")


def sweep_area(runner: Runner, repeats: int) -> list[dict[str, float]]:
    """M-Net's core-ms for each share of the frame that it draws, and without choosing."""
    cv2.setNumThreads(1)
    frame = next(frames([EXAMPLE], SIZES["1080p"]))
    engine = make_engine(runner, get_preset("live"), None, outputs=["alpha"])
    logits = engine.tnet(Work(frame)).logits
    return [measure_area(engine, frame, np.float32(factor) * logits, repeats) for factor in SHARPNESS]


def measure_area(engine: Engine, frame, logits: np.ndarray, repeats: int) -> dict[str, float]:
    costs = []
    for _ in range(repeats):
        work = Work(frame, logits=logits)
        before = time.process_time()
        engine.mnet(work)
        costs.append(1e3 * (time.process_time() - before))
        engine.release(work)
    share = active_blocks(logits, *frame.size, engine.runner.multiple).mean()
    return {"drawn_percent": round(100 * float(share), 2), "mnet_core_ms": round(min(costs), 2)}


def sweep_jobs(o: argparse.Namespace, runner: str, folder: Path) -> list[dict]:
    """Frames a second and core-ms of whole jobs."""
    rows = []
    for size in o.sizes:
        clip = folder / f"{size}.mkv"
        make_clip_apart(EXAMPLE, clip, ALL_SIZES[size], o.seconds)
        for count in o.cores:
            runs = [bench(clip, count, o.seconds, runner) for _ in range(o.rounds)]
            middle = {key: round(statistics.median(one[key] for one in runs), 2) for key in (FPS, CORE_MS)}
            rows.append({"size": size, "cores": count} | middle)
            print(json.dumps(rows[-1]), flush=True)
    return rows


def bench(clip: Path, count: int, seconds: float, runner: str) -> dict:
    """What `shm-stream bench` says of a process that has only so many cores. Raises ShmStreamError."""
    allowed = sorted(os.sched_getaffinity(0))[:count]
    hold = functools.partial(os.sched_setaffinity, 0, allowed)
    words = [sys.executable, "-m", "shm_stream.cli", "bench", str(clip), "--seconds", str(seconds), "--runner", runner]
    words.append("--json")
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, preexec_fn=hold)
    if done.returncode != 0:
        raise ShmStreamError(f"shm-stream bench failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def draw(path: Path, runner: str, area: list[dict], jobs: list[dict]) -> None:
    figure = Figure(figsize=(13, 4.5), layout="constrained", facecolor="white")
    figure.suptitle(f"runner {runner}", x=0.01, ha="left", fontsize=11, color=INK)
    left, middle, right = figure.subplots(1, 3)
    line(left, [(row["drawn_percent"], row["mnet_core_ms"]) for row in area])
    label(left, "M-Net against uncertain area, 1080p", "% of the frame drawn", "core-ms")
    most = max(row["cores"] for row in jobs)
    costs = {row["size"]: (np.prod(ALL_SIZES[row["size"]]) / 1e6, row[CORE_MS]) for row in jobs if row["cores"] == most}
    line(middle, list(costs.values()))
    for size, point in costs.items():
        middle.annotate(size, point, (4, -10), textcoords="offset points")
    label(middle, "whole job against size", "megapixels", "core-ms a frame")
    for colour, size in zip(COLOURS, dict.fromkeys(row["size"] for row in jobs), strict=False):
        line(right, [(row["cores"], row[FPS]) for row in jobs if row["size"] == size], color=colour, label=size)
    right.set_xticks(sorted({row["cores"] for row in jobs}))
    right.legend(frameon=False)
    label(right, "whole job against cores", "cores", "frames a second")
    right.set_xlim(min(row["cores"] for row in jobs) - 0.2, most + 0.2)
    figure.savefig(path, dpi=100)


def line(panel, points: list[tuple[float, float]], color: str = COLOURS[0], **options) -> None:
    panel.plot(*zip(*points, strict=True), "o-", color=color, **options)


def label(panel, title: str, x: str, y: str) -> None:
    panel.set_title(title, loc="left", fontsize=11, color=INK)
    panel.set_xlabel(x), panel.set_ylabel(y)
    panel.set_ylim(bottom=0), panel.set_xlim(left=0)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(color="#e4e8ec")


def main(o: argparse.Namespace) -> None:
    if not hasattr(os, "sched_setaffinity") or not 1 <= min(o.cores) <= max(o.cores) <= cores():
        raise InputError(f"this machine lets a process have 1 to {cores()} cores, if it is Linux; give --cores")
    if min(o.rounds, o.repeats) < 1:
        raise InputError("--rounds and --repeats must be 1 or more")
    if not o.seconds > 0:
        raise InputError("--seconds must be more than 0")
    runner = choose_runner("live", o.runner, "cpu")
    if not hasattr(runner, "draw"):
        raise InputError(f"runner {runner.name} draws no blocks, whose cost this sweeps; use --runner native")
    area = sweep_area(runner, o.repeats)
    for row in area:
        print(json.dumps(row), flush=True)
    with tempfile.TemporaryDirectory(prefix="shm-stream-bench-") as folder:
        jobs = sweep_jobs(o, runner.name, Path(folder))
    if o.json:
        o.json.write_text(json.dumps({"runner": runner.name, "area": area, "jobs": jobs}, indent=1) + "\n")
    if o.plot:
        draw(o.plot, runner.name, area, jobs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=ALL_SIZES, default=list(ALL_SIZES))
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each job (default: 4)")
    parser.add_argument("--runner", choices=RUNNERS, help="one that draws M-Net in blocks (default: the usual one)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=9, help="runs of M-Net for each area (default: 9)")
    parser.add_argument("--plot", type=Path, help="write the plot to this PNG")
    parser.add_argument("--json", type=Path)
    run(main, parser)
