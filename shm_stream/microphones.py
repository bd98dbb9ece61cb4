"""Which microphones this machine has, and how to record one: with the ffmpeg program, which knows PulseAudio and ALSA.

PyAV's wheels cannot: they have no PulseAudio, and their ALSA looks for its settings where there are none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError

DEFAULT = "default"
SYSTEMS = ("pulse", "alsa")
"""What FFmpeg calls them. PipeWire answers as PulseAudio."""
LIST_SECONDS = 10.0
RATE, CHANNELS = 48_000, 2
PULSE_OPTIONS = ("-fragment_size", str(RATE * CHANNELS * 2 // 50))
"""Bytes: the server hands on 20 ms at a time, where it would wait for two seconds."""
FFMPEG = "a microphone needs the ffmpeg program: sudo apt install ffmpeg"
LIST = "see what there is with  shm-stream --list-microphones"


@dataclass(frozen=True)
class Microphone:
    """One that can be recorded."""

    system: str
    """One of SYSTEMS."""
    device: str
    """What it is called there."""

    @property
    def name(self) -> str:
        return f"{self.system}:{self.device}"

    @property
    def command(self) -> list[str]:
        """The words that write its sound to stdout as NUT: s16le, each packet with the time it was heard at."""
        options = ["-sample_rate", str(RATE), "-channels", str(CHANNELS)]
        source = [*options, *(PULSE_OPTIONS if self.system == "pulse" else ()), "-i", self.device]
        target = ["-map", "0:a:0", "-c", "copy", "-copyts", "-flush_packets", "1", "-f", "nut", "pipe:1"]
        return [_ffmpeg(), "-v", "error", "-nostdin", "-f", self.system, *source, *target]


def find_microphone(text: str) -> Microphone:
    """`default`, a name of PulseAudio, `pulse:NAME` or `alsa:NAME`. Raises InputError."""
    system, colon, device = text.partition(":")
    if not colon or system not in SYSTEMS:
        system, device = "pulse" if _pulse_is_there() else "alsa", text
    found = Microphone(system, device or DEFAULT)
    if found.system == "pulse":  # PipeWire takes any name, and gives silence or another microphone
        _check_known(found)
    elif shutil.which("ffmpeg") is None:
        raise InputError(FFMPEG)
    return found


def _check_known(microphone: Microphone) -> None:
    names = [name for name, _ in list_microphones("pulse")]
    if not names:
        raise InputError("no microphone: the sound server (PulseAudio or PipeWire) has none; is one plugged in?")
    if microphone.device not in (DEFAULT, *names):
        raise InputError(f"there is no microphone '{microphone.device}'; there are {', '.join(names)}")


def list_microphones(system: str) -> list[tuple[str, str]]:
    """(name, what it is) of each, as `system` has them; none when it does not answer. Raises InputError."""
    try:
        words = [_ffmpeg(), "-hide_banner", "-sources", system]
        said = subprocess.run(words, capture_output=True, text=True, timeout=LIST_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return []
    return re.findall(r"^[ *] (\S+) \[(.*?)\]", said.stdout, re.MULTILINE)


def describe_microphones() -> str:
    """Lines for people: each microphone, or one line that there is none. Raises InputError."""
    lines = [f"{system}:{name}  {text}" for system in SYSTEMS for name, text in list_microphones(system)]
    return "\n".join(lines) or "no microphone: neither PulseAudio, PipeWire nor ALSA has one"


def _pulse_is_there() -> bool:
    """Whether a server of PulseAudio's kind can be expected to answer."""
    folder = os.environ.get("PULSE_RUNTIME_PATH") or f"{os.environ.get('XDG_RUNTIME_DIR', '/nowhere')}/pulse"
    return bool(os.environ.get("PULSE_SERVER")) or Path(folder, "native").exists()


def _ffmpeg() -> str:
    program = shutil.which("ffmpeg")
    if program is None:
        raise InputError(FFMPEG)
    return program
