"""Cut-outs with live alpha for a media source of OBS Studio: uncompressed BGRA in NUT over TCP."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np

from .errors import InputError
from .live_sink import STALLED_SECONDS, LiveSink
from .obs_setup import set_up_source
from .planes import plane_view

HOST = "127.0.0.1"
TO_ENTER = """\
in OBS: Sources, +, Media Source, and there:
  Local File      off
  Input           {input}
  Input Format    {input_format}
  Reconnect Delay {reconnect_delay_sec} s"""
LOOK_SECONDS = 0.5
TIME_BASE = Fraction(1, 90000)


class ObsOutlet:
    """A server on this machine; OBS connects, goes away and comes back as it likes."""

    picture = "transparent"
    watched = False
    pause_seconds = 0.0  # `connect` waits by itself

    def __init__(self, port: int, source):
        self.name = f"tcp://{HOST}:{port}"
        self._source = source
        self._server = _listen(port)
        self._client: socket.socket | None = None
        self._output = None

    def connect(self) -> None:
        """Wait a moment for OBS. Raises TimeoutError when it did not come, or what its going away again raises."""
        self._client, _ = self._server.accept()
        try:
            self._greet()
        except BaseException:
            self.abort()  # nobody else knows of it, and OBS would wait for ever
            raise

    def _greet(self) -> None:
        self._client.settimeout(STALLED_SECONDS)
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._output = av.open(_Wire(self._client), "w", format="nut", container_options={"flush_packets": "1"})
        self._stream = self._output.add_stream("rawvideo", rate=self._source.rate.limit_denominator(1 << 20))
        self._stream.width, self._stream.height = self._source.width, self._source.height
        self._stream.pix_fmt = "bgra"
        self._stream.time_base = self._stream.codec_context.time_base = TIME_BASE
        self._output.start_encoding()

    def convert(self, picture: np.ndarray) -> av.VideoFrame:
        """[H, W, 4] uint8 straight RGBA → BGRA."""
        frame = av.VideoFrame(picture.shape[1], picture.shape[0], "bgra")
        cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA, dst=plane_view(frame.planes[0], 4))
        return frame

    def write(self, picture: av.VideoFrame, seconds: Fraction, duration: Fraction) -> None:
        picture.pts, picture.time_base = round(seconds / TIME_BASE), TIME_BASE
        picture.duration = round(duration / TIME_BASE)
        self._output.mux(self._stream.encode(picture))

    def close(self) -> None:
        self._output.close()

    def release(self) -> None:
        self.abort()
        self._server.close()

    def abort(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()


class _Wire:
    """A socket as a file to write to."""

    def __init__(self, client: socket.socket):
        self._client = client

    def write(self, data) -> int:
        self._client.sendall(data)
        return len(data)


def _listen(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((HOST, port))
    except OSError as error:
        server.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use by another program; choose another one: --obs PORT") from error
        raise InputError(f"cannot listen at port {port}: {error.strerror}; choose another: --obs PORT") from error
    server.listen(1)
    server.settimeout(LOOK_SECONDS)
    return server


def source_settings(url: str) -> dict:
    """Of a media source that shows what is at `url`, in OBS's own words."""
    return {"is_local_file": False, "input": url, "input_format": "nut", "reconnect_delay_sec": 1}


def open_obs(port: int, source, *, setup: str | None = None, tell: Callable[[str], None]) -> LiveSink:
    """A sink that waits for OBS. Tells what to enter there, or enters it where `setup` says (see obs_setup).

    Raises InputError when the port is taken or OBS cannot be set up.
    """
    outlet = ObsOutlet(port, source)
    settings = source_settings(outlet.name)
    try:
        tell(TO_ENTER.format(**settings) if setup is None else set_up_source(setup, settings))
    except BaseException:
        outlet.release()
        raise
    return LiveSink(outlet, source.rate, tell, connected=False)
