"""The sound of a stream: packets on their way from the thread that reads to the outputs that keep them."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av

from .stream_clock import StreamClock

KEPT_SECONDS = 20
"""How far back an output may begin: longer than a frame is on its way."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One packet, independent of the connection it came from."""

    stream: int
    """Which of the stream's sounds, from 0."""
    data: bytes
    seconds: Fraction
    """On the line of time of the frames."""
    duration: int
    """In units of `time_base`."""
    time_base: Fraction


class StreamAudio:
    """Takes the packets of all connections. Outputs copy them with `SoundCopy`; without one they fade away."""

    path = None
    """It is no file."""

    def __init__(self):
        self.templates: list = []
        """Streams to copy from, of the first connection's sounds; they outlive it."""
        self._holder = None
        self._indices: dict[int, int] = {}
        self._early: list = []
        self._recent: deque[Sound] = deque()
        self._readers: list[deque[Sound]] = []
        self._lock = threading.Lock()

    def connect(self, streams: list) -> None:
        """A connection with these audio streams begins. Sounds that the first one did not have are left out."""
        known = [stream for stream in streams if stream.codec_context is not None]
        if self._holder is None:  # an output nobody reads: it keeps the parameters when the connection is gone
            self._holder = av.open(io.BytesIO(), "w", format="nut")  # which takes the G.711 of cameras, too
            added = [(stream, _added(self._holder, stream)) for stream in known]
            known = [stream for stream, template in added if template is not None]
            self.templates = [template for _, template in added if template is not None]
        same = zip(known, self.templates, strict=False)
        self._indices = {
            stream.index: position
            for position, (stream, template) in enumerate(same)
            if stream.codec_context.name == template.codec_context.name
        }
        self._early = []

    def put(self, packet, clock: StreamClock | None) -> None:
        """Take a packet of one of the streams of `connect`. Those before the first frame wait for its time."""
        if packet.stream_index not in self._indices or packet.pts is None or packet.size == 0:
            return
        self._early.append(packet)
        own = packet.pts * packet.time_base
        if clock is None or clock.other_seconds(own) is None:
            while own - self._early[0].pts * self._early[0].time_base > KEPT_SECONDS:
                self._early.pop(0)
            return
        early, self._early = self._early, []
        for waiting in early:
            seconds = clock.other_seconds(waiting.pts * waiting.time_base)
            if clock.is_near(seconds):
                self._keep(waiting, seconds)

    def _keep(self, packet, seconds: Fraction) -> None:
        position = self._indices[packet.stream_index]
        sound = Sound(position, bytes(packet), seconds, packet.duration or 0, packet.time_base)
        with self._lock:
            self._recent.append(sound)
            while self._recent[0].seconds < seconds - KEPT_SECONDS:
                self._recent.popleft()
            for reader in self._readers:
                reader.append(sound)

    def refused(self, container: str) -> list[str]:
        """`opus audio`: what `container` (FFmpeg's name) cannot hold."""
        with av.open(io.BytesIO(), "w", format=container) as trial:
            return [f"{each.codec_context.name} audio" for each in self.templates if _added(trial, each) is None]

    def copy_to(self, output, container: str) -> SoundCopy:
        """Add those that fit to an open output that has written nothing yet."""
        return SoundCopy(self, output)

    @property
    def first_is_aac(self) -> bool:
        """Whether the first sound can go on to servers as it is; True when there is none."""
        context = self.templates[0].codec_context if self.templates else None
        return context is None or (context.name == "aac" and bool(context.extradata))

    def subscribe(self) -> deque[Sound]:
        """A queue with the recent packets, which all later ones are appended to."""
        with self._lock:
            reader = deque(self._recent)
            self._readers.append(reader)
        return reader

    def unsubscribe(self, reader: deque[Sound]) -> None:
        """Nothing more is appended to `reader`."""
        with self._lock:
            self._readers = [other for other in self._readers if other is not reader]


class SoundCopy:
    """Every sound of a stream that fits into `output`, in step with the video there. Used like `audio.AudioCopy`."""

    def __init__(self, audio: StreamAudio, output, *, first_only: bool = False):
        """`output`: an open PyAV output container that has written nothing yet; its streams are added here."""
        self._audio = audio
        wanted = 1 if first_only else len(audio.templates)
        templates = enumerate(audio.templates)
        self._targets = [self._target(output, each) if index < wanted else None for index, each in templates]
        self._ends: dict[int, Fraction] = {}  # of what was written, by stream
        self._queue = audio.subscribe()
        self._origin_seconds = Fraction(0)

    def start(self, origin_seconds: Fraction, *, cut: bool) -> None:
        """`origin_seconds`: when the output begins. What sounded before is left out whatever `cut` says."""
        self._origin_seconds = origin_seconds

    def packets_until(self, end_seconds: float | Fraction) -> Iterator:
        """Packets that begin before `end_seconds`, as far as they have come, ready to be muxed."""
        while self._queue and self._queue[0].seconds - self._origin_seconds < end_seconds:
            sound = self._queue.popleft()
            target, length = self._targets[sound.stream], sound.duration * sound.time_base
            # half of a packet may overlap, where a clip begins again or a stream comes back
            if target is not None and sound.seconds >= self._ends.get(sound.stream, self._origin_seconds) - length / 2:
                self._ends[sound.stream] = sound.seconds + length
                yield from self._packets(sound, target)

    def _target(self, output, template):
        """What the sound `template` becomes in `output`, or None when it cannot be held there."""
        return _added(output, template)

    def _packets(self, sound: Sound, target) -> Iterator[av.Packet]:
        packet = av.Packet(sound.data)
        packet.pts = packet.dts = max(0, round((sound.seconds - self._origin_seconds) / sound.time_base))
        packet.time_base, packet.duration, packet.is_keyframe = sound.time_base, sound.duration, True
        packet.stream = target
        yield packet

    def close(self) -> None:
        self._audio.unsubscribe(self._queue)


def _added(output, template):
    """A copy of the stream `template` in `output`, or None when it cannot be held there."""
    try:
        copy = output.add_stream_from_template(template)
    except ValueError:
        return None
    copy.metadata.update(template.metadata)  # language, title
    return copy
