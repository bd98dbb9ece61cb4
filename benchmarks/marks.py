"""A clip with a mark in every second that is seen and heard at once, and how far apart the two are in a recording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median

import av
import numpy as np

from shm_stream.bench_clip import FittedSource

SOUND_RATE = 48000
BEEP_SECONDS = 0.08
BEEP_HERTZ = 1000
LOUD = 0.15
QUIET_SECONDS = 0.2
"""Of silence, at least, before a beep."""
DIM = 0.6
"""What light is left in every other second: from mark to mark, people are bright or dim."""
STEP = 0.8
"""Ratio of the light of neighbouring frames from which on that is a mark."""
NEAR_SECONDS = 0.5
LONGEST_GAP_SECONDS = 0.9
"""Between two frames there is at most one mark then."""
SAME_SECONDS = 0.001
"""Timestamps of containers are rounded."""


def write_marked(clip: Path, target: Path, size: tuple[int, int], seconds: int) -> None:
    """Repeat `clip`, cropped and scaled to `size` (height, width), for an even number of `seconds`, with marks.

    The marks lie in the middle of each second, so that none is at the seam when the clip is repeated.
    """
    source = FittedSource(clip, size, seconds)
    rate = Fraction(source.rate).limit_denominator(1001)
    with av.open(str(target), "w") as output:
        video = output.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "20"})
        video.width, video.height, video.pix_fmt = source.width, source.height, "yuv420p"
        audio = output.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        frames = round(seconds * rate)  # timestamps of containers are rounded: by them it may be one more
        packets = []
        for index, frame in enumerate(islice(source, frames)):
            light = DIM if _mark_before(index, rate) % 2 else 1.0
            picture = av.VideoFrame.from_ndarray((frame.pixels * np.float32(light)).astype(np.uint8), "rgb24")
            picture.pts, picture.time_base = index, 1 / rate
            packets += video.encode(picture)
        packets += video.encode(None)
        for sound in _beeps(frames / rate, rate):
            packets += audio.encode(sound)
        packets += audio.encode(None)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)  # a muxer waits 10 s for sound, no longer
        output.mux(packets)


def _mark_before(index: int, rate: Fraction) -> int:
    """How many marks lie before the frame `index` or at it."""
    return math.floor(index / rate + Fraction(1, 2))


def _beeps(seconds: Fraction, rate: Fraction):
    """The sound of the clip in pieces of a second; each beep begins with the first frame of other light."""
    samples = np.zeros(math.floor(seconds * SOUND_RATE), np.float32)
    wave = 0.5 * np.cos(2 * np.pi * BEEP_HERTZ * np.arange(round(BEEP_SECONDS * SOUND_RATE)) / SOUND_RATE)
    for mark in range(math.floor(seconds)):
        first = round(math.ceil((mark + Fraction(1, 2)) * rate) / rate * SOUND_RATE)
        samples[first : first + len(wave)] = wave[: len(samples) - first]
    for first in range(0, len(samples), SOUND_RATE):
        part = samples[first : first + SOUND_RATE]
        frame = av.AudioFrame.from_ndarray(np.stack([part, part]), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield frame


@dataclass(frozen=True)
class Offset:
    """How late the sound is at one mark."""

    at: float
    """Seconds into the recording."""
    late: float
    """Seconds; less than 0 when the sound is early."""
    unsure: float
    """Half of the time in which frames were dropped just there, in seconds: the mark may lie anywhere in it."""


class Marks:
    """What was seen and heard of the marks, collected frame by frame."""

    def __init__(self):
        self.frames = 0
        self.damaged = 0
        """Packets that could not be decoded."""
        self.end: str | None = None
        """What the stream failed with, when it did not simply end."""
        self.seen: list[tuple[float, float]] = []
        """(middle, half length) in seconds of the time in which light changed: no time when no frame is missing."""
        self.heard: list[float] = []
        """Seconds at which beeps begin."""
        self._before: tuple[float, float] | None = None  # (seconds, light) of the frame before
        self._loud = -math.inf

    def read(self, container) -> Marks:
        """Everything to the end of `container`, or until it fails: that is how some streams end."""
        video = container.streams.video[0]
        step = 1 / float(video.guessed_rate)
        try:
            for packet in container.demux(video, container.streams.audio[0]):
                for frame in self._decoded(packet):
                    self._hear(frame) if packet.stream is not video else self._see(frame, step)
        except av.FFmpegError as error:
            self.end = str(error)
        return self

    def _decoded(self, packet) -> list:
        try:
            return packet.decode()
        except av.FFmpegError:
            self.damaged += 1
            return []

    def _see(self, frame: av.VideoFrame, step: float) -> None:
        self.frames += 1
        light = _light_of_people(frame)
        if self._before is not None:
            missing = max(0.0, frame.time - self._before[0] - step)
            if missing < LONGEST_GAP_SECONDS and min(light, self._before[1]) < STEP * max(light, self._before[1]):
                self.seen.append((frame.time - missing / 2, missing / 2))
        self._before = (frame.time, light)

    def _hear(self, frame: av.AudioFrame) -> None:
        for position in np.flatnonzero(np.abs(frame.to_ndarray()[0]) > LOUD):
            seconds = frame.time + int(position) / frame.sample_rate
            if seconds - self._loud > QUIET_SECONDS:
                self.heard.append(seconds)
            self._loud = seconds

    def offsets(self) -> list[Offset]:
        """Of all marks that were both seen and heard."""
        heard = np.array(self.heard or [math.inf])
        offsets = [Offset(at, float(heard[np.abs(heard - at).argmin()] - at), unsure) for at, unsure in self.seen]
        return [offset for offset in offsets if abs(offset.late) < NEAR_SECONDS]


def _light_of_people(frame: av.VideoFrame) -> float:
    """Mean luma of the middle of a picture."""
    plane = frame.reformat(format="gray").planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
    height, width = rows.shape
    return float(rows[height * 2 // 5 : height * 4 // 5, width * 2 // 5 : width * 3 // 5].mean())


def drift(offsets: list[Offset], window: float) -> tuple[float, float] | None:
    """(how much later the sound is in the last `window` seconds than in the first, how unsure that is), in seconds.

    None when there are no marks in both.
    """
    if not offsets or offsets[-1].at - offsets[0].at < window:
        return None
    early, unsure_early = _surest([each for each in offsets if each.at <= offsets[0].at + window])
    late, unsure_late = _surest([each for each in offsets if each.at >= offsets[-1].at - window])
    return late - early, unsure_early + unsure_late


def _surest(offsets: list[Offset]) -> tuple[float, float]:
    """(how late, how unsure) of those beside which the fewest frames were dropped."""
    unsure = min(each.unsure for each in offsets) + SAME_SECONDS
    return median(each.late for each in offsets if each.unsure <= unsure), unsure
