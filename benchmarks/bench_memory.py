"""Whether a long job's memory stays flat: resident memory of the process, every 500 frames.

    python benchmarks/bench_memory.py [CLIP] [--frames 10000] [--size 1080p] [--bg BACKGROUND]
    python benchmarks/bench_memory.py --frames 100000 --every 1000 --size 90p --tnet-size 96

CLIP (default: the example clip) is repeated to the wanted number of frames, as a file that the job then reads from
its beginning to its end; it writes an H.264 composite and an alpha, which are deleted. Each sample is a line of JSON;
the last line says by how many per cent memory grew from the first sample, when everything had been allocated once,
to the last. Making the clip takes a while, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from running import run

from shm_stream.bench_clip import EXAMPLE, make_clip_apart, open_video
from shm_stream.cli_bench import GREEN, SIZES
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.machine import peak_rss_mb, rss_mb

SMALL = {"90p": (90, 160)} | SIZES
"""Height and width. The smallest is for very many frames."""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", metavar="CLIP", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--frames", metavar="N", type=int, default=10_000, help="how long the job is")
    parser.add_argument("--every", metavar="N", type=int, default=500, help="frames between two samples")
    parser.add_argument("--size", choices=SMALL, help="crop and scale the clip to this size (default: its own)")
    parser.add_argument("--bg", metavar="BACKGROUND", default=GREEN)
    parser.add_argument("--tnet-size", metavar="N", type=int, help="smaller is quicker (default: the usual one)")
    return parser


def measure(o: argparse.Namespace) -> None:
    """Run the job and print the samples. Raises ShmStreamError."""
    if not 0 < 2 * o.every <= o.frames:
        raise InputError(f"two samples at least: --frames {o.frames} must be twice --every {o.every} or more")
    if rss_mb() is None:
        raise InputError("this system does not tell a process how much memory it has; use Linux")
    with tempfile.TemporaryDirectory(prefix="shm-stream-bench-") as folder:
        samples = sample(o, Path(folder))
    first, last = samples[0][1], samples[-1][1]
    growth = {"growth_percent": round(100 * (last / first - 1), 2), "from_frame": samples[0][0]}
    print(json.dumps(growth | {"to_frame": samples[-1][0], "peak_rss_mb": round(peak_rss_mb(), 1)}))


def sample(o: argparse.Namespace, folder: Path) -> list[tuple[int, float]]:
    """(frame, resident MB) of a job on the repeated clip; printed as they are taken."""
    samples: list[tuple[int, float]] = []

    def on_frame(count: int) -> None:
        if count % o.every == 0:
            samples.append((count, rss_mb()))
            print(json.dumps({"frame": count, "rss_mb": round(samples[-1][1], 1)}), flush=True)

    outputs = {"output": folder / "composite.mkv", "alpha": folder / "alpha.mkv"}
    options = JobOptions(repeated(o, folder / "clip.mkv"), bg=o.bg, frames=o.frames, tnet_size=o.tnet_size, **outputs)
    with Job(options) as job:
        report = job.run(on_frame)
    if report.interrupted:
        raise KeyboardInterrupt
    return samples


def repeated(o: argparse.Namespace, target: Path) -> Path:
    """A file with as many frames of the clip, and a few more."""
    source = open_video(o.clip)
    size = SMALL[o.size] if o.size else (source.height, source.width)
    make_clip_apart(o.clip, target, size, float((o.frames + 2) / source.rate))
    return target


if __name__ == "__main__":
    run(measure, make_parser())
