"""How long the kernels take on each path: one process, one thread unless asked otherwise.

    python benchmarks/bench_fuse.py
    python benchmarks/bench_fuse.py --sizes 1080p --threads 2 --json fuse.json

Every path gets the same arrays: random pictures, T-Net logits of 256 x 448. The minimum is the machine undisturbed,
the median is what one meets. Ratios are against the baseline path.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shm_stream import native
from shm_stream.cli_bench import SIZES
from shm_stream.fuse import fuse_composite, gather
from shm_stream.machine import cores, processor

TNET_SIZE = (256, 448)
HALO = 8


def operations(size: tuple[int, int], threads: int) -> dict[str, Callable[[str], None]]:
    """Operation name → function of the path."""
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

    return {"fuse_composite": fuse_all, "fuse alpha only": fuse_alpha, "gather": gather_frame}


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["720p", "1080p"])
    parser.add_argument("--paths", nargs="+", choices=native.paths(), default=native.paths())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="measuring time for each row")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    if native.REFERENCE in options.paths:
        import torch

        torch.set_num_threads(options.threads)
    rows = bench(options.sizes, options.paths, options.threads, options.seconds)
    add_ratios(rows)
    print_table(rows, options.threads)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "threads": options.threads, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
