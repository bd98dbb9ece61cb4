"""H.264 and AAC to a server, by rtmp, udp, rtsp or srt."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

from .errors import InputError
from .forwarder import Forwarder, command_for
from .live_encoding import LiveEncoding, LiveMuxer, copy_picture
from .live_sink import LiveSink
from .live_target import FORMATS, LiveTarget
from .outlet import FAILURES
from .push_errors import describe
from .yuv_planes import YuvPlanes

MUXER_OPTIONS = {
    "flv": {"flvflags": "no_duration_filesize", "flush_packets": "1"},
    "mpegts": {"flush_packets": "1", "muxdelay": "0", "muxpreload": "0"},
}


class PushOutlet:
    """One server."""

    picture = "composite"
    watched = True
    pause_seconds = 1.0

    def __init__(self, target: LiveTarget, source, *, bitrate: int | None, audio_from):
        self.name = target.name
        self._tags = source.colour
        self._command = command_for(target)
        container = FORMATS[target.protocol]
        options = MUXER_OPTIONS[container]
        self._encoding = LiveEncoding(container, source, bitrate=bitrate, audio_from=audio_from, muxer_options=options)
        self._forwarder: Forwarder | None = None
        self._muxer: LiveMuxer | None = None

    def connect(self) -> None:
        self._forwarder = Forwarder(self._command)
        self._forwarder.wait_until_connected()
        self._muxer = self._encoding.open(self._forwarder)

    def convert(self, picture: np.ndarray | YuvPlanes) -> av.VideoFrame:
        return copy_picture(picture, self._encoding.size, self._tags)

    def write(self, picture: av.VideoFrame, seconds: Fraction, duration: Fraction) -> None:
        self._muxer.write(picture, seconds, duration)

    def close(self) -> None:
        self._muxer.close()
        self._forwarder.end()

    def abort(self) -> None:
        if self._forwarder is not None:
            self._forwarder.kill()

    release = abort


def open_push(target: LiveTarget, source, *, bitrate, audio_from, tell: Callable[[str], None]) -> LiveSink:
    """A connected sink. Raises InputError when the server cannot be reached or a program is missing."""
    outlet = PushOutlet(target, source, bitrate=bitrate, audio_from=audio_from)
    try:
        outlet.connect()
    except FAILURES as error:
        outlet.abort()
        raise InputError(f"cannot push: {describe(error, target)}") from error
    return LiveSink(outlet, source.rate, tell, connected=True)
