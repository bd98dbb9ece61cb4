"""A Dask scheduler and workers as processes of their own, whose networks are stand-ins."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from batch_bodies import SLOW_VARIABLE
from batch_runs import wait_until

PRELOAD = Path(__file__).resolve().parent / "cluster_preload.py"


class Cluster:
    """A scheduler on a free port, and the workers that were started. Use as a context manager."""

    def __init__(self, folder: Path):
        self.file, self.workers = folder / "scheduler.json", []
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", self.file)

    def _start(self, kind: str, *arguments, **environment) -> subprocess.Popen:
        words = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)

    def add_worker(self, seconds_per_frame: float = 0.0, **environment) -> subprocess.Popen:
        wait_until(self.is_up)
        options = ("--scheduler-file", self.file, "--nthreads", "1", "--no-nanny", "--preload", PRELOAD)
        worker = self._start("worker", *options, **{SLOW_VARIABLE: str(seconds_per_frame), **environment})
        self.workers.append(worker)
        return worker

    def is_up(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(json.loads(self.file.read_text())["address"])
        return False

    def wait_for_workers(self, count: int) -> None:
        from distributed import Client

        with Client(scheduler_file=str(self.file), timeout=20, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=30)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exc_info) -> None:
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGKILL)
            process.wait(20)
