"""How long the kernels take on each path: one process, one thread unless asked otherwise.

    python benchmarks/bench_fuse.py
    python benchmarks/bench_fuse.py --sizes 1080p --threads 2 --json fuse.json

Every path gets the same arrays: random pictures and logits of 96 x 176, uncertain everywhere, which is the most work;
`person` has logits as T-Net gives them, certain but for a band around an oval. `memcpy` copies planes, half of each of
two pictures into a third: what a composite must move at least. The minimum is the machine undisturbed, the median is
what one meets. Ratios are against the baseline path.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from running import run

from shm_stream import native
from shm_stream.cli_bench import SIZES
from shm_stream.colour import ColourTags
from shm_stream.errors import InputError
from shm_stream.fuse import fuse_composite, gather
from shm_stream.machine import cores, processor
from shm_stream.prepare import prepare
from shm_stream.preset import get_preset
from shm_stream.prior import tnet_shape
from shm_stream.yuv_planes import YuvPlanes, site_count

TNET_SIZE = (96, 176)
HALO = 8
MEMCPY = "memcpy planes"
"""The same on every path, and measured beside each."""


def operations(size: tuple[int, int], threads: int) -> dict[str, Callable[[str], None]]:
    """Operation name → function of the path."""
    return rgb_operations(size, threads) | planar_operations(size, threads)


def planar_operations(size: tuple[int, int], threads: int) -> dict[str, Callable[[str], None]]:
    """The same on 4:2:0 planes, as videos are composited."""
    random = np.random.default_rng(0)
    alpha_raw = random.random(size, dtype=np.float32)
    frame, background, composite = (random_planes(random, size) for _ in range(3))
    doubtful = random.normal(0, 4, (3, *TNET_SIZE)).astype(np.float32)
    padded = (size[0] + 2 * HALO, size[1] + 2 * HALO)
    out = np.empty((6, *padded), np.float32)

    def fuse(logits: np.ndarray) -> Callable[[str], None]:
        inputs = (logits, alpha_raw, frame, background)
        return lambda path: fuse_composite(*inputs, composite=composite, path=path, threads=threads)

    def gather_frame(path: str) -> None:
        gather(frame, doubtful, -HALO, -HALO, *padded, out=out, path=path, threads=threads)

    return {
        "planes": fuse(doubtful),
        "planes, person": fuse(oval_logits()),
        "gather planes": gather_frame,
        "prepare planes": lambda path: prepare(frame, *reduced_size(size), path=path, threads=threads),
        MEMCPY: lambda path: copy_halves(frame, background, composite),
    }


def random_planes(random: np.random.Generator, size: tuple[int, int]) -> YuvPlanes:
    sides = [size, *[tuple(site_count(side) for side in size)] * 2]
    luma, *chroma = (random.integers(0, 256, side, np.uint8) for side in sides)
    return YuvPlanes(luma, tuple(chroma), ColourTags())


def oval_logits() -> np.ndarray:
    """[3, h, w]: foreground inside an oval of a fifth of the picture, background outside, unknown in between."""
    rows, columns = (np.linspace(-1, 1, side) for side in TNET_SIZE)
    outside = np.hypot(rows[:, None] / 0.7, columns / 0.36) - 1
    return np.stack([-120 * outside, 120 * outside, np.full_like(outside, 3)]).astype(np.float32)


def copy_halves(frame: YuvPlanes, background: YuvPlanes, composite: YuvPlanes) -> None:
    for a, b, c in zip(*((picture.y, picture.u, picture.v) for picture in (frame, background, composite)), strict=True):
        half = len(c) // 2
        np.copyto(c[:half], a[:half])
        np.copyto(c[half:], b[half:])


def rgb_operations(size: tuple[int, int], threads: int) -> dict[str, Callable[[str], None]]:
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, (3, *TNET_SIZE)).astype(np.float32)
    alpha_raw = random.random(size, dtype=np.float32)
    frame, background = (random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
    composite, alpha8 = np.empty_like(frame), np.empty(size, np.uint8)
    padded = (size[0] + 2 * HALO, size[1] + 2 * HALO)
    out = np.empty((6, *padded), np.float32)

    def fuse_all(path: str) -> None:
        pictures = (frame, background)
        fuse_composite(logits, alpha_raw, *pictures, composite=composite, alpha8=alpha8, path=path, threads=threads)

    def fuse_alpha(path: str) -> None:
        fuse_composite(logits, alpha_raw, alpha8=alpha8, path=path, threads=threads)

    def gather_frame(path: str) -> None:
        gather(frame, logits, -HALO, -HALO, *padded, out=out, path=path, threads=threads)

    def prepare_frame(path: str) -> None:
        prepare(frame, *reduced_size(size), path=path, threads=threads)

    operations = {"fuse_composite": fuse_all, "fuse alpha only": fuse_alpha, "gather": gather_frame}
    return operations | {"prepare": prepare_frame}


def reduced_size(size: tuple[int, int]) -> tuple[int, int]:
    return tnet_shape(*size, get_preset("live").tnet_size)


def measure(function: Callable[[str], None], path: str, seconds: float) -> list[float]:
    """Milliseconds of each run after two warm-up runs; at least 5 runs."""
    for _ in range(2):
        function(path)
    runs: list[float] = []
    end = time.perf_counter() + seconds
    while len(runs) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        function(path)
        runs.append((time.perf_counter() - start) * 1000)
    return runs


def bench(sizes: list[str], paths: list[str], threads: int, seconds: float) -> list[dict]:
    rows = []
    for size in sizes:
        for operation, function in operations(SIZES[size], threads).items():
            for path in paths:
                runs = measure(function, path, seconds)
                rows.append(
                    {
                        "size": size,
                        "operation": operation,
                        "path": path,
                        "min_ms": round(min(runs), 3),
                        "median_ms": round(statistics.median(runs), 3),
                        "runs": len(runs),
                    }
                )
    return rows


def add_ratios(rows: list[dict]) -> None:
    """speedup = baseline's minimum / this path's minimum."""
    baselines = {(row["size"], row["operation"]): row["min_ms"] for row in rows if row["path"] == "baseline"}
    for row in rows:
        baseline = baselines.get((row["size"], row["operation"]))
        row["speedup"] = round(baseline / row["min_ms"], 2) if baseline else None


def machine() -> dict[str, str]:
    return {
        "processor": processor(),
        "logical_cores": str(cores()),
        "system": platform.platform(),
        "build": native.build_info(),
        "default_path": native.path_name(),
    }


def print_table(rows: list[dict], threads: int) -> None:
    for key, value in machine().items():
        print(f"{key:<14}{value}")
    print(f"{'threads':<14}{threads}\n")
    print(f"{'size':<8}{'operation':<18}{'path':<12}{'min ms':>9}{'median ms':>11}{'x baseline':>12}{'runs':>7}")
    for row in rows:
        speedup = f"{row['speedup']:.2f}" if row["speedup"] else "-"
        print(f"{row['size']:<8}{row['operation']:<18}{row['path']:<12}", end="")
        print(f"{row['min_ms']:>9.2f}{row['median_ms']:>11.2f}{speedup:>12}{row['runs']:>7}")


def main(o: argparse.Namespace) -> None:
    if o.threads < 1:
        raise InputError("--threads must be 1 or more")
    if native.REFERENCE in o.paths:
        import torch

        torch.set_num_threads(o.threads)
    rows = bench(o.sizes, o.paths, o.threads, o.seconds)
    add_ratios(rows)
    print_table(rows, o.threads)
    if o.json:
        o.json.write_text(json.dumps({"machine": machine(), "threads": o.threads, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["720p", "1080p"])
    parser.add_argument("--paths", nargs="+", choices=native.paths(), default=native.paths())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="measuring time for each row")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    run(main, parser)
