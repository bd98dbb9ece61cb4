"""An X server without a screen of glass."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def display(size: str) -> Iterator[str]:
    """Yields the display's name, for as long as it is there; `size` is WxH. Needs the program Xvfb."""
    reading, writing = os.pipe()
    words = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    with subprocess.Popen(words, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as numbers:
                number = numbers.readline().strip()
            yield f":{number}.0"
        finally:
            server.terminate()
            server.wait(10)
