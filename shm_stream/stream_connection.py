"""One connection to a camera, screen, stream, pipe or repeated clip: opened with time limits, read packet by packet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median

import av

from .stream_address import StreamAddress
from .video_container import LENIENT, open_container, video_stream

OPEN_SECONDS = 10.0
"""How long a server may take to answer, and a sender to say what it sends."""
SILENCE_SECONDS = 5.0
"""A network stream that gives no data for so long counts as lost."""
FILE_SILENCE_SECONDS = 60.0
"""The same for a file on a server, which FFmpeg itself tries to go on with."""
USUAL_RATES = (1, 240)
"""A declared rate outside is none (FLV says 1000)."""
MEASURED_FRAMES = 12
"""How many frames show the rate of a stream that declares none."""
RATE_UNKNOWN = Fraction(25)


@contextlib.contextmanager
def connected(address: StreamAddress) -> Iterator[tuple]:
    """(container, its video stream), closed at the end. Raises av.FFmpegError, OSError or InputError."""
    with contextlib.closing(_open(address)) as container:
        yield container, video_stream(container, address.name)


def _open(address: StreamAddress):
    if address.kind == "loop":
        return open_container(Path(address.name))
    return av.open(
        address.url, format=address.format, options=dict(address.options), timeout=_time_limits(address), **LENIENT
    )


def _time_limits(address: StreamAddress) -> tuple[float | None, float | None]:
    """Seconds for opening and for each read; None: it may take as long as it likes."""
    if address.kind != "network":
        return None, None
    silence = SILENCE_SECONDS if address.live else FILE_SILENCE_SECONDS
    return (None if address.listens else OPEN_SECONDS), silence  # a sender comes when it likes


def declared_rate(stream) -> Fraction | None:
    """Frames a second as the stream says, or None when it does not or that cannot be true."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and USUAL_RATES[0] <= rate <= USUAL_RATES[1]:
            return Fraction(rate)
    return None


def measured_rate(times: list[Fraction]) -> Fraction:
    """Frames a second of frames with these timestamps (seconds)."""
    steps = [after - before for before, after in zip(times, times[1:], strict=False) if after > before]
    if not steps:
        return RATE_UNKNOWN
    return min(max(1 / Fraction(median(steps)), Fraction(1)), Fraction(240)).limit_denominator(1001)
