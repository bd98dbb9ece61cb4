"""Processes that a test starts: none outlives it, and how one ended is asked in the same way."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def started_processes() -> Iterator[list[subprocess.Popen]]:
    """A list for processes; what still runs at the end of the block is killed."""
    started = []
    try:
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """(exit code, stderr) once it has ended."""
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in (err or "") and "internal error" not in (err or ""), err
    return process.returncode, err
