"""What the statistics for the quality report cost: their share of all the processor time of a whole job.

    python benchmarks/bench_statistics.py [CLIP] [--sizes 480p 720p 1080p] [--seconds 6]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from running import run

from shm_stream.bench_clip import EXAMPLE, make_clip, open_video
from shm_stream.cli_bench import SIZES
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.qc_statistics import ShotStatistics

ALL_SIZES = {"480p": (480, 640)} | SIZES


class Timed(ShotStatistics):
    """Counts the processor time that its own thread spends here."""

    seconds = 0.0

    def add(self, work) -> None:
        started = time.thread_time()
        super().add(work)
        self.seconds += time.thread_time() - started


def measure(clip: Path, target: Path) -> tuple[int, float, float]:
    """Frames, processor seconds of the statistics, of the whole job with them."""
    statistics = Timed()
    with Job(JobOptions(clip, target, bg="blue", overwrite=True), statistics) as job:
        started = time.process_time()
        report = job.run()
        whole = time.process_time() - started
    if report.interrupted:
        raise KeyboardInterrupt
    return report.frames, statistics.seconds, whole


def main(o: argparse.Namespace) -> None:
    """Print a line for each size. Raises ShmStreamError."""
    if not o.seconds > 0:
        raise InputError("--seconds must be more than 0")
    open_video(o.clip)
    print(f"{'size':>10} {'frames':>7} {'ms a frame':>11} {'job, core-ms':>13} {'share':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for height, width in map(ALL_SIZES.get, o.sizes):
            clip, target = Path(folder, f"{height}.mp4"), Path(folder, "out.mp4")
            make_clip(o.clip, clip, (height, width), o.seconds)
            frames, own, whole = measure(clip, target)
            figures = f"{1e3 * own / frames:11.2f} {1e3 * whole / frames:13.1f} {100 * own / whole:6.1f}%"
            print(f"{width}x{height}".rjust(10), f"{frames:7}", figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", metavar="CLIP", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--sizes", nargs="+", choices=ALL_SIZES, default=["480p", "720p", "1080p"])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each job (default: 6)")
    run(main, parser)
