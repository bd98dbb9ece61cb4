"""How long a user waits for the first frame, measured from outside."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from .errors import ShmStreamError

TRIES = 2
"""The least counts: the first one may find files that were never read."""


def first_frame_seconds(clip: Path, target: Path, options: list[str]) -> float:
    """Seconds that the command takes for a job of one frame, from the start of its process to its end.

    Python's start, imports, loading and compiling networks, opening files and closing the output are all in it.
    `options`: words of the command beside input, output and overwriting. Raises ShmStreamError.
    """
    words = [sys.executable, "-m", "shm_stream", str(clip), "-o", str(target), "-y", "-q", "--frames", "1", *options]
    return min(_seconds_of(words) for _ in range(TRIES))


def _seconds_of(words: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ShmStreamError(f"a job of one frame in a process of its own failed: {last}")
    return seconds
