"""What may be said about an input that is not simply a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from .errors import InputError

RAW_EXAMPLE = "1280x720:yuv420p:30"
SIDE_LIMIT = 16384


def _silent(line: str) -> None:
    """Nobody wants to hear."""


@dataclass(frozen=True)
class RawVideo:
    """Frames on stdin without a container."""

    size: tuple[int, int]
    """(width, height)."""
    pix_fmt: str
    """FFmpeg's name, such as rgb24 or yuv420p."""
    rate: Fraction


@dataclass(frozen=True)
class LiveOptions:
    """How to open and follow cameras, screens, streams and stdin. None means "not asked for"."""

    loop: bool = False
    """Repeat a video file as if it were a camera, at its own rate."""
    live: bool = False
    """Drop frames that come while the engine is busy, also of stdin and http."""
    listen: bool = False
    """Wait for a sender that connects here (rtmp, rtsp, tcp, http), instead of connecting to a server."""
    reconnect_seconds: float = 30.0
    """How long to try to get a lost live input back; 0: never."""
    microphone: str | None = None
    """What is heard instead of the input's own sound: `default`, a name of PulseAudio, `pulse:NAME` or `alsa:NAME`."""
    microphone_delay_seconds: float = 0.0
    """By how much its sound is moved to later."""
    idle_seconds: float | None = None
    """After how long without anybody who watches the networks pause; None: never."""
    size: tuple[int, int] | None = None
    """(width, height) to ask a camera for, or of the part of the screen."""
    rate: Fraction | None = None
    """Frames a second to ask a camera or screen for."""
    fps_target: float | None = None
    """Frames a second to hold by making the networks cheaper; 0: never, None: those of the input."""
    input_format: str | None = None
    """What to ask a camera for: mjpeg, yuyv, ..."""
    raw: RawVideo | None = None
    """What stdin carries, when it is no container."""
    tell: Callable[[str], None] = _silent
    """Is given one line when a live input stalls, is lost or is back; called from any thread."""


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of `1280x720`. Raises InputError."""
    match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(0 < side <= SIDE_LIMIT for side in size):
        raise InputError(f"'{text}' is not a size; give WIDTHxHEIGHT, such as 1280x720")
    return size


def parse_rate(text: str) -> Fraction:
    """Frames a second of `30`, `29.97` or `30000/1001`. Raises InputError."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise InputError(f"'{text}' is not a frame rate; give frames a second, such as 30 or 30000/1001")
    return rate.limit_denominator(1001)


def parse_raw(text: str) -> RawVideo:
    """`WxH:FORMAT:FPS`, such as 1280x720:yuv420p:30. Raises InputError."""
    from av import VideoFormat  # --help is shown without it

    parts = text.split(":")
    if len(parts) != 3:
        raise InputError(f"--raw '{text}' is not WIDTHxHEIGHT:FORMAT:FPS, such as {RAW_EXAMPLE}")
    size, pix_fmt, rate = parse_size(parts[0]), parts[1], parse_rate(parts[2])
    try:
        VideoFormat(pix_fmt)
    except ValueError:
        problem = f"unknown pixel format '{pix_fmt}'; some that exist: rgb24, bgr24, rgba, yuv420p, nv12"
        raise InputError(problem) from None
    return RawVideo(size, pix_fmt, rate)
