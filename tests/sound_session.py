"""PulseAudio as PipeWire plays it, in a session of the test's own, with a microphone that hears beeps."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from beats import SOUND_RATE, beep_sound
from pipewire_session import until
from pipewire_session import what_is_missing as pipewire_is_missing

PROGRAMS = ("pipewire-pulse", "pactl", "pacat", "ffmpeg")
INSTALL = "sudo apt install pipewire-pulse pulseaudio-utils ffmpeg"
SINK = "beeper"
MICROPHONE = f"{SINK}.monitor"


def what_is_missing() -> str | None:
    """The reason to skip, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return pipewire_is_missing() or (f"without {', '.join(missing)}: {INSTALL}" if missing else None)


@contextlib.contextmanager
def pulse(environment: dict) -> Iterator[None]:
    """While inside, the session answers as PulseAudio does, and has one microphone: what is played to SINK."""
    server = subprocess.Popen(["pipewire-pulse"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until((Path(environment["XDG_RUNTIME_DIR"]) / "pulse/native").exists)
        load = ["load-module", "module-null-sink", f"sink_name={SINK}"]
        until(lambda: pactl(environment, *load))
        yield
    finally:
        server.kill()
        server.wait()


def pactl(environment: dict, *words: str) -> str:
    return subprocess.run(["pactl", *words], env=environment, capture_output=True, text=True, timeout=20).stdout


class Beeper:
    """Plays a beep whenever `time.monotonic` says that a full second since `began` has passed."""

    def __init__(self, environment: dict, began: float):
        form = ["--raw", f"--rate={SOUND_RATE}", "--channels=2", "--format=s16le", "--latency-msec=20"]
        self._environment, self._began = environment, began
        self._player = subprocess.Popen(["pacat", *form, f"--device={SINK}"], env=environment, stdin=subprocess.PIPE)
        # what is written before would wait in the pipe, and everything after it as long
        until(lambda: pactl(environment, "list", "short", "sink-inputs"))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self) -> None:
        size = SOUND_RATE // 100
        at = round((time.monotonic() - self._began) * SOUND_RATE)
        with contextlib.suppress(BrokenPipeError):
            while not self._ended.wait(max(0.0, self._began + at / SOUND_RATE - time.monotonic())):
                self._player.stdin.write(np.ascontiguousarray(beep_sound(at, size, "s16").to_ndarray()).tobytes())
                self._player.stdin.flush()
                at += size

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)
        self._player.kill()
        self._player.wait()
        with contextlib.suppress(BrokenPipeError):
            self._player.stdin.close()

