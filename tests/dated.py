"""Programs that stand in for a camera and a sound card, to the moment.

Frame n is sent at n / RATE seconds after `began` of `time.monotonic`, uncompressed, so that nothing waits for the next
one; a beep is heard at each full second of it, in packets that are dated exactly.

The clock of the card may run apart from the system's, and the card may be unplugged for a while: see the variables.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from fractions import Fraction

import av
from beats import BEEP_SECONDS, NUMBERS, RATE, SOUND_RATE, beep_sound
from stand_ins import numbered_frame

SIZE = 960
DRIFT = float(os.environ.get("MICROPHONE_DRIFT", "1"))
"""Samples that the card takes in the time of one."""
SECONDS = float(os.environ.get("MICROPHONE_SECONDS", "600"))
"""After so long it is unplugged."""


class Camera:
    """A process, because FFmpeg waits for whoever connects with the interpreter lock held."""

    def __init__(self, port: int, began: float):
        self.url = f"tcp://127.0.0.1:{port}"
        self._process = subprocess.Popen([sys.executable, __file__, self.url, str(began)])

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


def send_frames(url: str, began: float) -> None:
    """What a Camera's process does."""
    output = av.open(f"{url}?listen=1", "w", format="nut", options={"flush_packets": "1"})
    stream = output.add_stream("rawvideo", rate=RATE)
    stream.width, stream.height, stream.pix_fmt = 128, 48, "yuv420p"
    output.start_encoding()
    index = round((time.monotonic() - began) * RATE) + 1
    while True:
        time.sleep(max(0.0, began + index / RATE - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(numbered_frame(index % NUMBERS), "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        output.mux(stream.encode(frame))
        index += 1


def write_sound() -> None:
    """What the ffmpeg program would write to stdout."""
    output = av.open(sys.stdout.buffer, "w", format="nut", options={"flush_packets": "1"})
    stream = output.add_stream("pcm_s16le", rate=SOUND_RATE, layout="stereo")
    if time.monotonic() % 1 < BEEP_SECONDS:  # plugged in within a beep, what is heard of it would begin late
        time.sleep(BEEP_SECONDS)
    began, taken = time.monotonic(), 0
    while taken / SOUND_RATE < SECONDS:
        heard = began + taken / DRIFT / SOUND_RATE
        time.sleep(max(0.0, heard + SIZE / SOUND_RATE - time.monotonic()))
        sound = beep_sound(round(heard * SOUND_RATE), SIZE, "s16")
        sound.pts = None
        for packet in stream.encode(sound):
            packet.pts = packet.dts = round((heard + time.time() - time.monotonic()) * 1_000_000)
            packet.time_base = Fraction(1, 1_000_000)
            output.mux(packet)
        sys.stdout.buffer.flush()
        taken += SIZE


if __name__ == "__main__":
    if sys.argv[1].startswith("tcp:"):
        with contextlib.suppress(OSError):  # whoever looked has gone
            send_frames(sys.argv[1], float(sys.argv[2]))
    else:
        write_sound()
