"""A child process that takes the bytes of a stream to the network, so that no slow server halts this one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import threading

from .errors import InputError
from .live_target import FORMATS, LiveTarget

LAST_WORDS_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
"""How long a connection may take, to be made and to be closed."""
LOOK_MICROSECONDS = "500000"
"""ffmpeg reads that much before it connects; by itself it would read five seconds."""
UDP_BYTES = 1316
"""Seven packets of a transport stream: what fits into one packet of an Ethernet."""
INSTALL = {
    "rtsp": "pushing to rtsp:// needs the ffmpeg program: install it (apt install ffmpeg)",
    "srt": "pushing to srt:// needs ffmpeg or srt-live-transmit: install one (apt install ffmpeg, or srt-tools)",
}


def command_for(target: LiveTarget) -> list[str]:
    """The program that sends stdin to `target`, and its arguments. Raises InputError when it is not installed."""
    if target.protocol not in INSTALL:
        return [sys.executable, "-m", f"{__package__}.forward", _address(target)]
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is not None:
        look = ["-analyzeduration", LOOK_MICROSECONDS, "-f", FORMATS[target.protocol], "-i", "pipe:0"]
        copy = [ffmpeg, "-v", "error", *look, "-c", "copy"]
        kind = ["-f", "rtsp", "-rtsp_transport", "tcp"] if target.protocol == "rtsp" else ["-f", "mpegts"]
        return [*copy, *kind, target.address]
    transmit = shutil.which("srt-live-transmit")
    if target.protocol == "srt" and transmit is not None:
        return [transmit, "-q", "-chunk", "1316", "-a", "no", "file://con", target.address]
    raise InputError(INSTALL[target.protocol])


def _address(target: LiveTarget) -> str:
    if target.protocol != "udp" or "pkt_size=" in target.address:
        return target.address
    return f"{target.address}{'&' if '?' in target.address else '?'}pkt_size={UDP_BYTES}"


class Forwarder:
    """One connection; `write` and `end` raise OSError with the reason when the connection is lost."""

    def __init__(self, command: list[str]):
        self._own = command[0] == sys.executable
        self._said = ""
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: what is on its way must still arrive
        )
        self._listener = threading.Thread(target=self._listen, daemon=True, name="shm-forwarder")
        self._listener.start()

    def wait_until_connected(self) -> None:
        """Our own program says so; others only connect when the first bytes come. Raises OSError."""
        if not self._own:
            return
        in_time = self._ready.wait(PATIENCE_SECONDS)
        if self._said == "ready":
            return
        if in_time:
            raise self._failure()
        self.kill()
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def _listen(self) -> None:
        """The last line is what went wrong."""
        for line in self._process.stdout:
            self._said = line.decode(errors="replace").strip()
            self._ready.set()
        self._ready.set()

    def write(self, data) -> int:
        """Takes all of `data`; waits while the network does."""
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):  # it ended, or was killed
            raise self._failure() from None
        return len(data)

    def end(self) -> None:
        """Let what was written arrive."""
        try:
            self._process.stdin.close()
            code = self._process.wait(PATIENCE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()
            raise self._failure() from None
        self._listener.join()
        if code != 0:
            raise self._failure()

    def kill(self) -> None:
        """At once; another thread that is in `write` gets its error."""
        self._process.kill()
        self._process.wait()

    def _failure(self) -> OSError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_WORDS_SECONDS)
        self.kill()
        self._listener.join()
        word, _, rest = self._said.partition(" ")
        number, _, text = rest.partition(" ")
        if word == "error" and number.isdigit():
            return OSError(int(number), text)
        reason = "" if word == "ready" else self._said
        return BrokenPipeError(errno.EPIPE, reason or "connection lost")
