"""The clip that `shm-stream bench` measures: any video, cropped and scaled to a size, repeated to a length."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .cover_fit import cover_fit
from .errors import InputError, ShmStreamError
from .frame import Frame
from .sink import open_sink
from .source import open_source

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"
"""Only a checkout has it."""
SOUND_RATE, AAC_SAMPLES = 48_000, 1024
"""Samples a second, and in one frame of AAC."""
TONE_HERTZ, TONE_LOUDNESS = 220, 0.02


def example_clip() -> Path:
    """The clip for those who give none. Raises InputError where there is only the installed package."""
    if not EXAMPLE.is_file():
        raise InputError(
            "the example clip comes with the source code and is not installed; give a CLIP of your own: "
            "shm-stream bench CLIP --size 1080p"
        )
    return EXAMPLE


def open_video(path: Path):
    """`open_source` for videos only. Raises InputError."""
    source = open_source(path)
    if source.kind != "video":
        raise InputError(f"{path} is no video; bench measures videos")
    return source


class FittedSource:
    """Frames of a video, each made to fit, from the beginning again until `seconds` are full.

    It has what a sink reads of a source; sound is not repeated.
    """

    kind = "video"
    live = False
    limited = True
    exhausted = True

    def __init__(self, path: Path, size: tuple[int, int], seconds: float):
        """`size`: (height, width) of a lying picture; an upright video gets it upright."""
        self._source = open_video(path)
        self._seconds = seconds
        upright = self._source.height > self._source.width
        self.height, self.width = size[::-1] if upright else size
        self.files, self.rate, self.colour = [path], self._source.rate, self._source.colour
        self.sample_aspect_ratio = self._source.sample_aspect_ratio

    @property
    def origin_seconds(self):
        return self._source.origin_seconds

    def __iter__(self) -> Iterator[Frame]:
        index = begin = 0
        while True:
            end = begin
            for frame in self._source:
                pts = begin + frame.pts
                if pts * frame.time_base >= self._seconds:
                    return
                picture = cover_fit(frame.pixels, self.width, self.height)
                yield Frame(picture, index, pts, frame.time_base, frame.duration)
                index, end = index + 1, pts + frame.duration
            if end == begin:
                return
            begin = end


def make_clip(path: Path, target: Path, size: tuple[int, int], seconds: float, tone: bool = False) -> None:
    """Write `path` to `target` as H.264 of that size and length. Raises ShmStreamError.

    `tone`: with a quiet tone instead of its own sound, for a clip that has none.
    """
    source, sound = FittedSource(path, size, seconds), path
    try:
        if tone:
            sound = target.with_suffix(".tone.mka")
            make_tone(sound, seconds)
        _write(source, target, sound, seconds)
    finally:
        if sound != path:
            sound.unlink(missing_ok=True)


def _write(source: FittedSource, target: Path, sound: Path, seconds: float) -> None:
    sink = open_sink(target, source, kind="composite", audio_from=sound, duration_seconds=seconds)
    try:
        for frame in source:
            sink.write(frame, frame.pixels)
        sink.finish()
    finally:
        sink.abort()


def make_tone(target: Path, seconds: float) -> None:
    """Write a quiet tone to `target` as AAC in stereo, as phones and browsers record it."""
    end = int(seconds * SOUND_RATE)
    with av.open(str(target), "w", format="matroska") as out:
        stream = out.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for begin in range(0, end, AAC_SAMPLES):
            times = np.arange(begin, min(begin + AAC_SAMPLES, end)) / SOUND_RATE
            wave = TONE_LOUDNESS * np.sin(2 * np.pi * TONE_HERTZ * times)
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, begin, Fraction(1, SOUND_RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def make_clip_apart(path: Path, target: Path, size: tuple[int, int], seconds: float, tone: bool = False) -> None:
    """`make_clip` in a process of its own, whose memory nobody will take for that of the job."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, path, target, size, seconds, tone)
    process = context.Process(target=_make_clip_and_tell, args=arguments, daemon=True)
    try:
        process.start()
        theirs.close()
        error = ours.recv()
    except EOFError:
        error = ShmStreamError(f"the process that made a clip of {path} died; there may be too little memory")
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
    if error is not None:
        raise error


def _make_clip_and_tell(connection, *arguments) -> None:
    """The body of the process: sends the error, or None when the clip is complete."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent too, which ends this process
    try:
        make_clip(*arguments)
    except ShmStreamError as error:
        connection.send(error)
    else:
        connection.send(None)
