"""A live output in a thread of its own: it never holds up the others, and comes back when its connection is lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from .frame import Frame
from .idle import Audience
from .outlet import FAILURES, Outlet
from .push_errors import reason_of
from .yuv_planes import YuvPlanes

WAITING_SECONDS = 1
"""Pictures of that much time may wait for the network; then the newest are dropped."""
STALLED_SECONDS = 10.0
"""A connection that takes nothing for so long is given up."""
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 10.0
"""A connection that lasted that long was a good one."""
END_SECONDS = 5.0
"""What still waits at the end has that long to go out."""


@dataclass(frozen=True)
class Waiting:
    """A picture on its way out."""

    picture: av.VideoFrame
    seconds: Fraction
    duration: Fraction


@dataclass(frozen=True)
class LiveReport:
    """What became of a live output."""

    name: str
    sent: int
    """Frames."""
    dropped: int
    """Frames that the network was too slow for, or that came while there was no connection."""
    reconnects: int
    lost: bool
    """It ended without a connection that it should have had, or broke."""


class LiveSink:
    """See `sink.open_sink` for what a sink has. Failures of the connection are told, never raised by `write`."""

    warning = None
    takes_planes = True

    def __init__(self, outlet: Outlet, rate: Fraction, tell: Callable[[str], None], *, connected: bool):
        """`connected`: whether `outlet` is so already; if not, its thread sees to it."""
        self.kind, self.path = outlet.picture, outlet.name
        self.sent = self.dropped = 0
        self._connections = int(connected)
        self._outlet, self._tell, self._connected = outlet, tell, connected
        self._room = max(2, round(rate * WAITING_SECONDS))
        self._queue: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._ending = self._broken = False
        self._moved = self._since = time.monotonic()
        self._pause = outlet.pause_seconds
        self._thread = threading.Thread(target=self._run, daemon=True, name="shm-live")
        self._thread.start()

    def report(self) -> LiveReport:
        """What became of it until now."""
        lost = self._missed and not self._connected
        return LiveReport(self.path, self.sent, self.dropped, max(0, self._connections - 1), lost)

    @property
    def _missed(self) -> bool:
        """Whether a picture is dropped that somebody should have seen."""
        return self._broken or self._outlet.watched

    def write(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        """Send it, or drop it when the connection is lost or too slow."""
        if not self._connected or len(self._queue) >= self._room:
            self.dropped += self._connected or self._missed
            if self._connected and time.monotonic() - self._moved > STALLED_SECONDS:
                self._outlet.abort()
            return
        times = (frame.pts * frame.time_base, frame.duration * frame.time_base)
        waiting = Waiting(self._outlet.convert(picture), *times)
        with self._changed:
            if not self._connected:  # lost meanwhile
                self.dropped += self._missed
                return
            if not self._queue:
                self._moved = time.monotonic()
            self._queue.append(waiting)
            self._changed.notify()

    def find_audience(self) -> Audience | None:
        """Who is connected; None where pictures are missed while nobody is."""
        return None if self._outlet.watched else Audience(lambda: self._connected)

    def finish(self) -> str:
        """Send what waits, within END_SECONDS, and close."""
        self._end()
        self._thread.join(END_SECONDS)
        if self._thread.is_alive():
            self._outlet.abort()
            self._thread.join(END_SECONDS)
        return self.path

    def abort(self) -> None:
        """Close at once. Does nothing after `finish`."""
        if self._thread.is_alive():
            with self._changed:
                self._queue.clear()
            self.finish()

    def _end(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()

    def _run(self) -> None:
        try:
            while self._connected or self._connect_again():
                try:
                    self._send_all()
                    self._outlet.close()
                    return
                except FAILURES as error:
                    self._lose(error)
        except Exception as error:  # a thread that ends unseen would look like a network that is slow
            self._break(error)
        finally:
            self._outlet.release()

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._ending)
                if not self._queue:
                    return
                waiting = self._queue[0]
            self._outlet.write(waiting.picture, waiting.seconds, waiting.duration)
            self._moved = time.monotonic()
            self.sent += 1
            with self._changed:
                if self._queue:
                    self._queue.popleft()

    def _break(self, error: Exception) -> None:
        """Nothing more goes out here; the other outputs of the job go on."""
        self._broken = True
        self._disconnect()
        told = " ".join(f"{type(error).__name__}: {error}".split())
        self._tell(f"{self.path}: stopped by an internal error, please report it: {told}")

    def _disconnect(self) -> None:
        with self._changed:
            self._connected = False
            self.dropped += len(self._queue)
            self._queue.clear()

    def _lose(self, error: Exception) -> None:
        if not self._ending:
            lost = f"{self.path}: connection lost ({reason_of(error)}){self._cure()}"
            self._tell(f"{lost}; the job goes on, connecting again")
        self._disconnect()
        self._outlet.abort()
        if time.monotonic() - self._since < STEADY_SECONDS:
            self._rest()
        else:
            self._pause = self._outlet.pause_seconds

    def _cure(self) -> str:
        """Servers that refuse a key may take the connection first and close it a little later."""
        early = self.path.startswith("rtmp") and time.monotonic() - self._since < STEADY_SECONDS
        return " soon after it began (is the stream key right?)" if early else ""

    def _connect_again(self) -> bool:
        """Try until it works or the job ends; False for the latter."""
        while not self._ending:
            try:
                self._outlet.connect()
            except FAILURES:
                self._rest()
                continue
            self._connections += 1
            self._connected, self._since = True, time.monotonic()
            self._tell(f"{self.path}: connected")
            return True
        return False

    def _rest(self) -> None:
        """Longer each time, until a connection has lasted."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
