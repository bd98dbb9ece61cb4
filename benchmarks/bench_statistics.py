"""What the statistics for the quality report cost: their share of all the processor time of a whole job.

    python benchmarks/bench_statistics.py [CLIP]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from shm_stream.bench_clip import example_clip, make_clip
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.qc_statistics import ShotStatistics

SIZES = ((480, 640), (720, 1280), (1080, 1920))
SECONDS = 6.0


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
        frames = job.run().frames
        return frames, statistics.seconds, time.process_time() - started


def main() -> None:
    """Print a line for each size."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else example_clip()
    print(f"{'size':>10} {'frames':>7} {'ms a frame':>11} {'job, core-ms':>13} {'share':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for height, width in SIZES:
            clip, target = Path(folder, f"{height}.mp4"), Path(folder, "out.mp4")
            make_clip(source, clip, (height, width), SECONDS)
            frames, own, whole = measure(clip, target)
            figures = f"{1e3 * own / frames:11.2f} {1e3 * whole / frames:13.1f} {100 * own / whole:6.1f}%"
            print(f"{width}x{height}".rjust(10), f"{frames:7}", figures)


if __name__ == "__main__":
    main()
