"""The thread behind a stream: connects, decodes, hands frames over, and gets a lost stream back."""

from __future__ import annotations

import threading
import time
from fractions import Fraction

import av

from .channel import Closed, Killed
from .errors import InputError
from .live_options import LiveOptions
from .stream_address import StreamAddress
from .stream_audio import StreamAudio
from .stream_clock import StreamClock
from .stream_connection import MEASURED_FRAMES, connected, declared_rate, measured_rate
from .stream_errors import describe
from .stream_microphone import StreamMicrophone
from .upright import Upright

DELAYS_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Before the tries to get a lost stream back; the last one again and again."""
END_SECONDS = 1.0
"""How long `stop` waits for the thread; one that is stuck in a read ends with the process."""


class StreamReader:
    """Puts (seconds, decoded picture) into `handover`, in order, and closes it at the end.

    `ready` is set when the first frame is there and `upright` and `rate` are known, or when there will be none: then
    `failure` says why.
    """

    def __init__(
        self, address: StreamAddress, options: LiveOptions, handover, microphone: StreamMicrophone | None = None
    ):
        """`microphone`: what is heard instead of the stream's own sound."""
        self.upright: Upright | None = None
        self.rate: Fraction | None = None
        self.audio = StreamAudio() if microphone is None else microphone.audio
        self._own_sound = microphone is None
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self.problem: str | None = None
        """Why the stream ended, when it was not at its own end."""
        self.bad_packets = 0
        self.reconnects = 0
        self.resting = False
        """Nobody wants pictures at the moment: where the next one does not need it, None is handed over for one."""
        self._address, self._options, self._handover = address, options, handover
        self._clock: StreamClock | None = None
        if microphone is not None:
            microphone.clock = lambda: self._clock
        self._waiting: list[tuple[av.VideoFrame, Fraction | None]] = []  # until the rate is known
        self._frames = 0  # of this connection
        self._lost_since: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shm-stream-reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No frame is wanted any more."""
        self._stopping.set()
        self._handover.kill()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            self._follow()
        except (Closed, Killed):
            pass  # nobody wants frames any more
        except BaseException as error:  # kept, and raised again where frames are waited for
            self.failure = error
        finally:
            self._handover.close()
            self.ready.set()

    def _follow(self) -> None:
        """Connection after connection, for as long as that makes sense. Raises InputError if the first one fails."""
        tries = 0
        while True:
            problem = self._read_connection()
            if self.upright is None:
                raise InputError(problem or f"no frame of {self._address.name} can be decoded; it is damaged or empty")
            if self._stopping.is_set():
                return
            tries = 0 if self._frames else tries + 1
            if not self._goes_on(problem, tries):
                return
            self._clock.reconnect()

    def _read_connection(self) -> str | None:
        """Everything from one connection; why it ended, or None when it simply did."""
        self._frames = 0
        try:
            with connected(self._address) as (container, stream):
                self._read(container, stream)
        except (av.FFmpegError, OSError) as error:
            return describe(error, self._address)
        return None

    def _read(self, container, stream) -> None:
        sounds = list(container.streams.audio) if self._own_sound else []
        if self._own_sound:
            self.audio.connect(sounds)
        for packet in container.demux(stream, *sounds):
            if self._stopping.is_set():
                return
            if packet.stream is stream:
                self._take_packet(packet, stream)
            else:
                self.audio.put(packet, self._clock)
        self._settle_rate(stream)

    def _take_packet(self, packet, stream) -> None:
        skips = self.resting and packet.pts is not None and stream.codec_context.codec.intra_only
        if skips and self._clock is not None:
            self._deliver(None, packet.pts * packet.time_base)
            return
        for picture in self._decoded(packet):
            self._take(picture, stream)

    def _decoded(self, packet) -> list[av.VideoFrame]:
        try:
            return packet.decode()
        except av.FFmpegError:
            self.bad_packets += 1
            return []

    def _take(self, picture: av.VideoFrame, stream) -> None:
        own = None if picture.pts is None else picture.pts * Fraction(picture.time_base or stream.time_base)
        self._frames += 1
        if self._clock is not None:
            self._deliver(picture, own)
            return
        self._waiting.append((picture, own))
        rate = declared_rate(stream)
        if rate is not None or len(self._waiting) == MEASURED_FRAMES:
            self._settle_rate(stream)

    def _settle_rate(self, stream) -> None:
        """Begin to deliver: what is to be known of the stream is known, or it has ended."""
        if not self._waiting:
            return
        times = [own for _, own in self._waiting if own is not None]
        self.rate = declared_rate(stream) or measured_rate(times)
        stamped_here = self._address.kind in ("camera", "screen")
        follows_wall = self._address.comes_back
        self._clock = StreamClock(1 / self.rate, follows_wall=follows_wall, stamped_here=stamped_here)
        self.upright = Upright(self._waiting[0][0], stream.sample_aspect_ratio)
        waiting, self._waiting = self._waiting, []
        self._began = time.monotonic()
        for picture, own in waiting:
            self._deliver(picture, own)

    def _deliver(self, picture: av.VideoFrame | None, own: Fraction | None) -> None:
        if self._lost_since is not None:
            self.reconnects += 1
            self._options.tell(f"{self._address.name} is back after {time.monotonic() - self._lost_since:.0f} s")
            self._lost_since = None
        seconds = self._clock.frame_seconds(own)
        if self._address.kind == "loop":
            self._stopping.wait(max(0.0, self._began + float(seconds) - time.monotonic()))
        self._handover.put((seconds, picture))
        self.ready.set()

    def _goes_on(self, problem: str | None, tries: int) -> bool:
        """Whether to connect again, after the wait that belongs before. `tries`: connections in vain since the loss."""
        if self._address.kind == "loop" and problem is None and self._frames:
            return True
        limit = self._options.reconnect_seconds
        if not self._address.comes_back or not limit:
            self.problem = problem
            return False
        now, reason = time.monotonic(), problem or f"{self._address.name} ended"
        if self._lost_since is None:
            self._lost_since = now
            self._options.tell(f"{reason}; trying to get it back for {limit:g} s")
        delay = DELAYS_SECONDS[min(tries, len(DELAYS_SECONDS) - 1)]
        if now + delay - self._lost_since > limit:
            self.problem = f"{reason}; it did not come back within {limit:g} s"
            return False
        return not self._stopping.wait(delay)
