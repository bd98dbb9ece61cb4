"""Numbered frames and a beep at each full second of them: sent as cameras do, and looked for in what comes out."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
from stand_ins import frame_number, numbered_frame

RATE = 25
NUMBERS = 250
"""Ten seconds of frames, so that numbers and seconds begin again together."""
SOUND_RATE = 48000
BEEP_SECONDS = 0.08
LOUD = 0.15


class BeatSender:
    """A process that sends frames and beeps to `url` (`-`: its `stdout`) in real time until it is killed."""

    def __init__(self, url: str, container: str, codec: str = "aac", options: str = ""):
        """`codec` of the sound. `options` are FFmpeg's: `listen=1` makes it a server."""
        words = [sys.executable, __file__, url, container, codec, options]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.stdout = self._process.stdout

    def __enter__(self) -> BeatSender:
        return self

    def __exit__(self, *exc_info) -> None:
        self._process.kill()
        self.stdout.close()
        self._process.wait(10)


def loud_times(path) -> np.ndarray:
    """When the sound is loud: the moment of each such sample of the first channel, in seconds."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0, :: 1 if frame.format.is_planar else frame.layout.nb_channels]
            full = np.iinfo(samples.dtype).max if samples.dtype.kind == "i" else 1
            found.append(frame.time + np.flatnonzero(np.abs(samples / full) > LOUD) / frame.sample_rate)
    return np.concatenate(found)


def beeps(path) -> list[float]:
    """When beeps begin, in seconds: the first loud sample after 0.2 s of quiet."""
    loud = loud_times(path)
    return [float(after) for before, after in zip([-1.0, *loud], loud) if after - before > 0.2]


def loud_seconds(path) -> float:
    """For how long beeps sound, in all."""
    gaps = np.diff(loud_times(path))
    return float(gaps[gaps < 0.01].sum())


def offsets(path) -> list[float]:
    """By how many seconds each beep is late beside the frame nearest to it, but for one that may have lost its head."""
    with av.open(str(path)) as container:
        first = next(container.decode(audio=0)).time
    with av.open(str(path)) as container:
        frames = [(frame.time, frame_number(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)]
    late = []
    for beep in beeps(path):
        if beep > first + 0.1:
            time_, number = min(frames, key=lambda frame: abs(frame[0] - beep))
            late.append((beep - (time_ - number / RATE) + 0.5) % 1 - 0.5)
    return late


def send(url: str, container: str, codec: str, options: dict) -> None:
    """What a BeatSender's process does."""
    target = sys.stdout.buffer if url == "-" else url
    output = av.open(target, "w", format=container, options=options)
    video = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "tune": "zerolatency", "g": "5"})
    video.width, video.height, video.pix_fmt = 128, 48, "yuv420p"
    audio = output.add_stream(codec, rate=SOUND_RATE, layout="stereo")
    audio.codec_context.time_base = Fraction(1, SOUND_RATE)
    output.start_encoding()
    size = audio.codec_context.frame_size or 960
    began, sounded = time.monotonic(), 0
    for index in range(RATE * 600):
        frame = av.VideoFrame.from_ndarray(numbered_frame(index % NUMBERS), "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        output.mux(video.encode(frame))
        while sounded / SOUND_RATE < (index + 1) / RATE:
            output.mux(audio.encode(beep_sound(sounded, size, audio.format.name)))
            sounded += size
        time.sleep(max(0.0, began + (index + 1) / RATE - time.monotonic()))


def beep_sound(first: int, size: int, form: str) -> av.AudioFrame:
    """`size` samples of stereo from the sample `first` on, in the format `form`."""
    times = (first + np.arange(size)) / SOUND_RATE
    wave = 0.5 * np.cos(2 * np.pi * 1000 * times) * (times % 1 < BEEP_SECONDS)
    wave = (wave * 32767).astype(np.int16) if form.startswith("s16") else wave.astype(np.float32)
    both = np.stack([wave, wave]) if form.endswith("p") else np.repeat(wave, 2)[None]
    frame = av.AudioFrame.from_ndarray(both, form, "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
    return frame


def _main(url: str, container: str, codec: str, options: str) -> None:
    settings = dict(pair.split("=", 1) for pair in options.split(",") if pair)
    while True:
        with contextlib.suppress(av.FFmpegError, OSError):  # nobody listens yet, or any more
            send(url, container, codec, settings)
        time.sleep(0.05)


if __name__ == "__main__":
    _main(*sys.argv[1:])
