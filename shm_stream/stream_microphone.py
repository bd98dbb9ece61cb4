"""A microphone beside a camera: recorded by a child process, encoded once, on the line of time of the frames."""

from __future__ import annotations

import contextlib
import io
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.filter import Graph

from .errors import InputError
from .microphones import LIST, Microphone
from .stream_audio import StreamAudio
from .stream_clock import StreamClock

BITRATE = 128_000
FRAME_SIZE = 1024
"""Samples in a packet of AAC."""
FOLLOW = "async=1000:min_hard_comp=0.05"
"""Of aresample: where the sound card's clock runs apart from the system's, sound is stretched by up to 2 % for as long
as that takes; what is 50 ms off, as after a loss, is filled with silence or cut."""
START_SECONDS = 10.0
AGAIN_SECONDS = 2.0
END_SECONDS = 2.0


class Moments:
    """A StreamClock as `StreamAudio.put` asks it, for sound whose own time is that of `time.monotonic`."""

    def __init__(self, clock: StreamClock):
        self._clock = clock
        self.is_near = clock.is_near

    def other_seconds(self, own: Fraction) -> Fraction | None:
        return self._clock.moment_seconds(own)


class StreamMicrophone:
    """Fills `audio` in a thread until `stop`. A microphone that is lost is tried again; meanwhile there is silence."""

    def __init__(self, microphone: Microphone, delay_seconds: float, tell: Callable[[str], None]):
        """Returns when sound comes. Raises InputError when none does."""
        self.audio = StreamAudio()
        self.clock: Callable[[], StreamClock | None] = lambda: None
        """Set by whoever knows the frames; None before the first."""
        self._microphone, self._tell = microphone, tell
        self._delay = Fraction(delay_seconds).limit_denominator(1000)
        self._encoding = _Encoding()
        self.audio.connect([self._encoding.stream])
        self._heard, self._ended, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._problem, self._lost = "", False
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._run, name="shm-microphone", daemon=True)
        self._thread.start()
        try:
            self._wait_until_heard()
        except BaseException:
            self.stop()
            raise

    def _wait_until_heard(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._heard.wait(0.02):
            if self._ended.is_set():
                raise InputError(f"cannot record microphone {self._microphone.name}: {self._problem}; {LIST}")
            if time.monotonic() > deadline:
                raise InputError(f"microphone {self._microphone.name} gives no sound: is it in use? {LIST}")

    def _run(self) -> None:
        while True:
            self._record()
            if not self._heard.is_set():
                self._ended.set()
                return
            if not self._lost and not self._stopping.is_set():
                self._lost = True
                self._tell(f"microphone {self._microphone.name} is lost ({self._problem}); trying to get it back")
            if self._stopping.wait(AGAIN_SECONDS):
                return

    def _record(self) -> None:
        """Until the child ends; then `_problem` says why."""
        self._process = process = subprocess.Popen(
            self._microphone.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what has come is read, without waiting for more
            start_new_session=True,  # Ctrl-C is for us
        )
        if self._stopping.is_set():  # since before it was there to be killed
            process.kill()
        with process:
            with contextlib.suppress(av.FFmpegError, OSError, ValueError):
                self._take_all(process.stdout)
            process.kill()
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
        self._problem = said[-1] if said else "it ended"

    def _take_all(self, pipe) -> None:
        with av.open(pipe, format="nut", options={"probesize": "32", "analyzeduration": "0"}) as container:
            for frame in container.decode(audio=0):
                if self._stopping.is_set():
                    return
                if self._lost:
                    self._tell(f"microphone {self._microphone.name} is back")
                self._lost = False
                self._heard.set()
                self._take(frame)

    def _take(self, frame: av.AudioFrame) -> None:
        heard = Fraction(frame.pts * frame.time_base) + _wall_to_monotonic() + self._delay
        clock = self.clock()
        for packet in self._encoding.packets(frame, heard):
            self.audio.put(packet, clock and Moments(clock))

    def stop(self) -> None:
        """No sound is wanted any more."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join(END_SECONDS)


class _Encoding:
    """Sound with times → packets of AAC without gaps, in seconds of the same clock."""

    def __init__(self):
        self._holder = av.open(io.BytesIO(), "w", format="nut")  # keeps the stream; nobody reads it
        self.stream = self._holder.add_stream("aac", rate=48_000, layout="stereo")
        self.stream.codec_context.bit_rate = BITRATE
        self.stream.codec_context.time_base = Fraction(1, 48_000)
        self._holder.start_encoding()
        self._graph: Graph | None = None

    def packets(self, frame: av.AudioFrame, seconds: Fraction) -> Iterator[av.Packet]:
        """What `frame`, heard at `seconds`, completes."""
        if self._graph is None:
            self._graph = _graph_for(frame)
        frame.pts, frame.time_base = round(seconds * frame.sample_rate), Fraction(1, frame.sample_rate)
        self._graph.push(frame)
        while True:
            try:
                part = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield from self.stream.encode(part)


def _graph_for(frame: av.AudioFrame) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(
        format=frame.format.name, sample_rate=frame.sample_rate, layout=frame.layout.name,
        time_base=Fraction(1, frame.sample_rate),
    )  # fmt: skip
    follow = graph.add("aresample", FOLLOW)
    form = graph.add("aformat", "sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo")
    whole = graph.add("asetnsamples", f"n={FRAME_SIZE}:p=0")
    graph.link_nodes(source, follow, form, whole, graph.add("abuffersink")).configure()
    return graph


def _wall_to_monotonic() -> Fraction:
    """What to add to FFmpeg's time of a packet, which is that of the wall."""
    return Fraction(time.monotonic_ns() - time.time_ns(), 1_000_000_000)
