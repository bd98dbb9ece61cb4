"""Frames of a camera, screen, network stream or pipe, or of a clip that plays the camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from .channel import Channel, Closed, Killed
from .frame import Frame
from .live_options import LiveOptions
from .microphones import find_microphone
from .newest import NewestSlot
from .stream_address import StreamAddress
from .stream_clock import TIME_BASE
from .stream_microphone import StreamMicrophone
from .stream_reader import StreamReader

STALL_SECONDS = 4.0
"""A live input without a frame for so long is told."""
AHEAD = 2
"""Frames that are decoded ahead of the engine where none may be dropped."""


class StreamSource:
    """Iterable of Frame. See `source.open_source`; it can be iterated once.

    Live inputs keep the newest frame only: `dropped` counts those that came while the engine was busy. The first
    frame delivered has pts 0. `reconnects` counts how often a lost input came back.
    """

    kind = "video"

    def __init__(self, address: StreamAddress, options: LiveOptions, *, duration_seconds=None, max_frames=None):
        """Connects and waits for the first frame. Raises InputError."""
        self.path = Path(address.name if address.kind == "loop" else address.stem)
        self.files = [Path(address.name)] if address.kind == "loop" else []
        self.live = address.live
        self.limited = duration_seconds is not None or max_frames is not None
        self.origin_seconds: Fraction | None = None
        self.warning: str | None = None
        self.exhausted = False
        self.pauses: Callable[[], bool] = lambda: False
        """Is asked about every frame; those of which it says True are not delivered, and do not count as dropped."""
        self._name, self._tell = address.name, options.tell
        self._duration_seconds, self._max_frames = duration_seconds, max_frames
        self._handover = NewestSlot() if address.live else Channel(AHEAD)
        self._microphone = _open_microphone(options)
        self._reader = StreamReader(address, options, self._handover, self._microphone)
        try:
            self._reader.ready.wait()
            self._raise_failure()
        except BaseException:
            self.close()
            raise
        self._describe()
        self._tell_what_was_not_given(options)

    def _describe(self) -> None:
        upright, self.rate = self._reader.upright, self._reader.rate
        self.width, self.height, self.colour = upright.width, upright.height, upright.colour
        self.sample_aspect_ratio, self.planar, self.bits = upright.sample_aspect_ratio, upright.planar, upright.bits
        self.audio_from = self._reader.audio
        limits = [self._max_frames]
        if self._duration_seconds is not None:
            limits.append(max(1, round(self._duration_seconds * self.rate)))
        self.frame_count = min((limit for limit in limits if limit is not None), default=None)

    def _tell_what_was_not_given(self, asked: LiveOptions) -> None:
        """Cameras take the nearest that they have."""
        if asked.size is not None and asked.size != (self.width, self.height):
            width, height = asked.size
            self._tell(f"{self._name} gives {self.width}x{self.height}, not the {width}x{height} asked for")
        if asked.rate is not None and self.rate < asked.rate * Fraction(9, 10):
            hint = "; --input-format mjpeg is often faster" if asked.input_format is None else ""
            self._tell(f"{self._name} gives {float(self.rate):g} fps, not the {float(asked.rate):g} asked for{hint}")

    @property
    def dropped(self) -> int:
        return self._handover.dropped if self.live else 0

    @property
    def reconnects(self) -> int:
        return self._reader.reconnects

    def __iter__(self) -> Iterator[Frame]:
        duration = max(1, round(1 / (self.rate * TIME_BASE)))
        if self.live:
            self._handover.count_from_here()
        try:
            index = 0
            for seconds, picture in self._pictures():
                if self.origin_seconds is None:
                    self.origin_seconds = seconds
                pts = round((seconds - self.origin_seconds) / TIME_BASE)
                if self._duration_seconds is not None and pts * TIME_BASE >= self._duration_seconds:
                    return
                if self._is_unwanted(picture):
                    continue
                shown, fine = self._reader.upright(picture)
                yield Frame(shown, index, pts, TIME_BASE, duration, fine_picture=fine)
                index += 1
                if index == self._max_frames:
                    return
        finally:
            self.stop()  # what comes from now on is not dropped, it is not wanted
        self._raise_failure()
        self.exhausted, self.warning = True, self._end_warning()

    def _is_unwanted(self, picture) -> bool:
        """Whether the job pauses; `picture` is None where it did when that was to be decoded."""
        self._reader.resting = self.pauses()
        return self._reader.resting or picture is None

    def _pictures(self) -> Iterator[tuple]:
        """(seconds, decoded picture) until the stream ends or `stop` is called."""
        with suppress(Closed, Killed):
            while True:
                yield self._waited_for() if self.live else self._handover.get()

    def _waited_for(self) -> tuple:
        try:
            return self._handover.get(STALL_SECONDS)
        except TimeoutError:
            self._tell(f"no frame from {self._name} for {STALL_SECONDS:g} s; waiting")
        return self._handover.get()

    def _raise_failure(self) -> None:
        if self._reader.failure is not None:
            raise self._reader.failure

    def _end_warning(self) -> str | None:
        if self._reader.problem is not None:
            return f"input ended early: {self._reader.problem}; the output covers what came before"
        if self._reader.bad_packets and not self.live:
            return f"input is damaged: {self._reader.bad_packets} frames could not be decoded and were left out"
        return None

    def stop(self) -> None:
        """End a running iteration soon, also one that waits for a frame. May be called from any thread."""
        self._handover.kill()

    def close(self) -> None:
        """Disconnect."""
        self._reader.stop()
        if self._microphone is not None:
            self._microphone.stop()

    def __enter__(self) -> StreamSource:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def _open_microphone(options: LiveOptions) -> StreamMicrophone | None:
    if options.microphone is None:
        return None
    microphone = find_microphone(options.microphone)
    return StreamMicrophone(microphone, options.microphone_delay_seconds, options.tell)
