"""A camera in PipeWire, for programs that take theirs from there. The publisher is a process that may die."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from .errors import InputError
from .idle import Audience
from .pipewire_readers import PipeWireReaders

PUBLISHER = Path(__file__).with_name("pipewire_publisher.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that distributions install GStreamer's bindings for
START_SECONDS = 15.0
STALL_SECONDS = 5.0
END_SECONDS = 3.0
SHORT_LIFE_SECONDS = 5.0
MAX_SHORT_LIVES = 3
MAX_RATE_DENOMINATOR = 1001
ALIGN = 4
"""Bytes at whose multiples GStreamer's rows begin."""


class PipeWireCamera:
    """What CameraSink asks of a camera; `send` starts the publisher again when it has died or hangs."""

    device = "PipeWire node shm-stream"

    def __init__(self, width: int, height: int, rate: Fraction, *, planar: bool = False):
        """`planar`: it is sent what PackedPlanes makes for ALIGN. Raises InputError when GStreamer or PipeWire is
        missing, with what to type."""
        rate = Fraction(rate).limit_denominator(MAX_RATE_DENOMINATOR)
        pixel_format = "I420" if planar else "RGB"
        self._arguments = [str(width), str(height), f"{rate.numerator}/{rate.denominator}", pixel_format]
        self._padding = -3 * width % ALIGN
        self._short_lives = 0
        self._sending, self._shown = threading.Lock(), memoryview(b"")
        self.restarts = 0
        try:
            self._start()
        except RuntimeError as error:
            raise InputError(f"no virtual camera: {error}") from error

    def _start(self) -> None:
        """Raises RuntimeError with the publisher's last line."""
        try:
            self._process = subprocess.Popen(
                # isolated: PYTHONPATH and packages of the user are for another Python
                [SYSTEM_PYTHON, "-I", os.fspath(PUBLISHER), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: the last frames are still sent
            )
        except OSError as error:
            reason = f"{SYSTEM_PYTHON} cannot be started ({error.strerror})"
            raise RuntimeError(f"{reason}: sudo apt install python3") from None
        os.set_blocking(self._process.stdin.fileno(), False)
        self._started, self._was_watched = time.monotonic(), False
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        said, output = b"", self._process.stdout.fileno()
        deadline = self._started + START_SECONDS
        while b"ready\n" not in said:
            readable, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(output, 4096) if readable else b""
            if not chunk:
                self._kill()
                lines = said.decode(errors="replace").split("\n")
                raise RuntimeError(next(filter(None, reversed(lines)), "the PipeWire publisher says nothing"))
            said += chunk

    def send(self, content: np.ndarray) -> None:
        """[H, W, 3] uint8 RGB, or the bytes of planes. Raises RuntimeError when the publisher keeps dying."""
        padded = self._padding and content.ndim == 3
        rows = content.reshape(len(content), -1)
        frame = np.pad(rows, ((0, 0), (0, self._padding))) if padded else np.ascontiguousarray(rows)
        with self._sending:
            self._shown = memoryview(frame).cast("B")
            while not self._write(self._shown):
                self._restart()

    def _write(self, data: memoryview) -> bool:
        """Whether the publisher took all of it."""
        if self._process.stdin.closed:
            return False
        pipe = self._process.stdin.fileno()
        while data:
            if not select.select([], [pipe], [], STALL_SECONDS)[1]:
                return False
            try:
                data = data[os.write(pipe, data) :]
            except BrokenPipeError:
                return False
        return True

    def _restart(self) -> None:
        short = time.monotonic() - self._started < SHORT_LIFE_SECONDS
        self._short_lives = self._short_lives + 1 if short else 0
        self._kill()
        if self._short_lives >= MAX_SHORT_LIVES:
            raise RuntimeError(f"its publisher died {MAX_SHORT_LIVES} times in a row")
        self.restarts += 1
        self._start()

    def find_audience(self) -> Audience | None:
        """What is linked to the node; None where pw-dump is missing."""
        try:
            readers = PipeWireReaders()
        except FileNotFoundError:
            return None
        return Audience(lambda: self._is_watched(readers), self._rest, readers.close)

    def _is_watched(self, readers: PipeWireReaders) -> bool:
        """Also when the publisher has died: the next `send` starts another, before which nobody can look."""
        if self._process.poll() is not None:
            return True
        watched = readers.watched(self._process.pid)
        self._was_watched |= watched
        return watched

    def _rest(self) -> None:
        """A publisher that had a reader repeats the last frame for ever, and PipeWire 0.3 often shows nothing to a
        second one. A new one does nothing until somebody reads."""
        with self._sending, contextlib.suppress(RuntimeError):  # what is wrong is said when a frame is to be sent
            if self._was_watched:
                self._kill()
                self._start()
                self._write(self._shown)

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def close(self) -> None:
        """End the publisher, and with it the node."""
        if self._process.stdin.closed:
            return
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._kill()
