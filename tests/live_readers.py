"""What watches live outputs in tests: servers and readers made with PyAV and sockets, and ports nobody uses."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import av
from stand_ins import frame_number

WAIT_SECONDS = 30


def free_port(kind=socket.SOCK_STREAM) -> int:
    """A port that nobody listens at."""
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reader(threading.Thread):
    """Reads a stream to its end, or `limit` pictures of it, in a thread; `result()` gives itself back.

    `silence` (seconds) ends it too: UDP has no other end.
    """

    def __init__(self, url: str, *, limit: int | None = None, options=None, format=None, silence=3.0):
        super().__init__(daemon=True)
        self.pictures: list = []
        self.times: list[float] = []
        self.keys: list[float] = []
        self.sounds: list[tuple[str, bytes]] = []
        self._open = {"options": options or {}, "format": format, "timeout": (WAIT_SECONDS, silence)}
        self._url, self._limit = url, limit
        self.start()

    def run(self) -> None:
        with av.open(self._url, **self._open) as container:
            self.streams = [stream.codec_context.name for stream in container.streams]
            try:
                for packet in container.demux():
                    self._take(packet)
                    if self._limit is not None and len(self.pictures) >= self._limit:
                        return
            except av.FFmpegError:
                return  # how these protocols end

    def _take(self, packet) -> None:
        if packet.stream.type != "video":
            self.sounds.append((packet.stream.codec_context.name, bytes(packet)))
            return
        for frame in packet.decode():
            self.pictures.append(frame.to_ndarray(format="rgba"))
            self.times.append(frame.time)
            if frame.key_frame:
                self.keys.append(frame.time)

    @property
    def numbers(self) -> list[int]:
        """What `stand_ins.numbered_frame` wrote."""
        return [frame_number(picture) for picture in self.pictures]

    def result(self) -> Reader:
        self.join(WAIT_SECONDS)
        assert not self.is_alive(), f"{self._url} did not end"
        return self


def rtmp_server(port: int, *, sound: bool = False, **options) -> tuple[str, Reader]:
    """(what to push to, the server that reads it). One that expects no `sound` does not look for it for long."""
    url = f"rtmp://127.0.0.1:{port}/live/secret"
    look = "1000000" if sound else "200000"
    return url, Reader(url, options={"listen": "1", "analyzeduration": look}, **options)


def wait_for_listener(port: int, kind=socket.SOCK_STREAM) -> None:
    """Return when somebody listens at a port of TCP, or has one of UDP, without connecting to it."""
    table, state = ("tcp", "0A") if kind == socket.SOCK_STREAM else ("udp", "07")  # listening; bound
    wanted = re.compile(rf":{port:04X} 0+:0000 {state}")
    for _ in range(WAIT_SECONDS * 50):
        if any(wanted.search(Path(f"/proc/net/{name}").read_text()) for name in (table, f"{table}6")):
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"nobody listens at {port}")
