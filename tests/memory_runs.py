"""The command with `--max-memory` in a process of its own, measured from outside."""

from __future__ import annotations

import re
import subprocess
import sys

MEASURED = """
import sys
from shm_stream.cli import main
from shm_stream.machine import peak_rss_mb
code = main(sys.argv[1:])
print(peak_rss_mb())
sys.exit(code)
"""


def measured(*words) -> tuple[int, float, str]:
    """Exit code, most resident MB and stderr of the command in a process of its own."""
    command = [sys.executable, "-c", MEASURED, *map(str, words), "-y"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    return done.returncode, float(done.stdout), done.stderr


def least(*words) -> int:
    """MB that the command says it needs at least, in one line, when it may take next to nothing."""
    code, _, said = measured(*words, "--max-memory", "10M")
    assert code == 2 and said.count("\n") == 1, said
    return int(re.search(r"needs (\d+)M of memory at least and may take 10M", said)[1])


def stays_below(*words) -> None:
    """The command works with what it says it needs, takes no more, and not much less."""
    limit = least(*words)
    code, peak, said = measured(*words, "--max-memory", f"{limit}M")
    assert code == 0 and "warning" not in said, said
    assert 0.5 * limit < peak <= limit, (peak, limit)
