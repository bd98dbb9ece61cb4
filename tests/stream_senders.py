"""Programs on the other end of a stream: they send numbered frames, and sound, at the pace of a camera."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
from stand_ins import numbered_frame

RATE = 25
SOUND_RATE = 48000
SOUND_SIZE = 1024


def free_port(kind=socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sender:
    """A process that sends `numbered_frame`s to `url` in real time until it is killed, or nobody listens any more."""

    def __init__(self, url: str, container: str, *, sound: bool = False, first: int = 0, options: str = ""):
        """`options` are FFmpeg's, such as `listen=1`: then it is a server."""
        words = [url, container, str(int(sound)), str(first), options]
        self._process = subprocess.Popen([sys.executable, __file__, *words])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *exc_info) -> None:
        self.kill()


def send(url: str, container: str, sound: bool, first: int, options: dict) -> None:
    """What a Sender's process does."""
    output = av.open(url, "w", format=container, options=options)
    settings = {"preset": "ultrafast", "tune": "zerolatency", "g": "5", "crf": "12"}
    video = output.add_stream("libx264", rate=RATE, options=settings)
    video.width, video.height, video.pix_fmt = 128, 48, "yuv420p"
    audio = output.add_stream("aac", rate=SOUND_RATE) if sound else None
    began, index, sounded = None, 0, 0
    while True:
        frame = av.VideoFrame.from_ndarray(numbered_frame((first + index) % 256), "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        output.mux(video.encode(frame))
        index += 1
        while audio is not None and sounded * SOUND_SIZE / SOUND_RATE < index / RATE:
            output.mux(audio.encode(_tone(sounded)))
            sounded += 1
        began = began or time.monotonic()
        time.sleep(max(0.0, began + index / RATE - time.monotonic()))


def _tone(position: int) -> av.AudioFrame:
    times = (position * SOUND_SIZE + np.arange(SOUND_SIZE)) / SOUND_RATE
    wave = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, position * SOUND_SIZE, Fraction(1, SOUND_RATE)
    return frame


def _main(url: str, container: str, sound: str, first: str, options: str) -> None:
    settings = dict(pair.split("=", 1) for pair in options.split(",") if pair)
    while True:
        with contextlib.suppress(av.FFmpegError, OSError):  # nobody listens yet, or any more
            send(url, container, bool(int(sound)), int(first), settings)
        time.sleep(0.05)


if __name__ == "__main__":
    _main(*sys.argv[1:])
