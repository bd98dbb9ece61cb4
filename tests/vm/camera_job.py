"""Runs in the machine: writes to a v4l2loopback device as a job does, and reads it in another process."""

import json
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np

from shm_stream.colour import BT709, ColourTags
from shm_stream.errors import InputError
from shm_stream.planes import planes_from_rgb
from shm_stream.sink_camera import CameraSink

DEVICE = "/dev/video0"
WIDTH, HEIGHT = 320, 240
LEFT, RIGHT = (200, 50, 255), (10, 200, 60)
NOBODY = 65534
READER = """
import av
frames = av.open("/dev/video0", format="v4l2").decode(video=0)
for _ in range(5):
    frame = next(frames)
pixels = frame.to_ndarray(format="rgb24")
print([pixels[120, 80].tolist(), pixels[120, 240].tolist()])
"""
SOURCE = SimpleNamespace(kind="video", path="clip", width=WIDTH, height=HEIGHT, rate=10, live=True, planar=True)


def refusal(device: str) -> str:
    """What the user is told, or "" when the device was opened."""
    try:
        CameraSink(device, SOURCE).abort()
    except InputError as error:
        return str(error)
    return ""


def refusal_without_permission() -> str:
    os.chmod(DEVICE, 0o600)
    os.seteuid(NOBODY)
    try:
        return refusal(DEVICE)
    finally:
        os.seteuid(0)


def show_and_read() -> dict:
    """Colours as another process sees them, and what a second writer is told meanwhile."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 2], picture[:, WIDTH // 2 :] = LEFT, RIGHT
    planes = planes_from_rgb(picture, ColourTags(BT709))  # not what programs take a camera's for
    sink, ended = CameraSink(DEVICE, SOURCE), threading.Event()

    def show():
        while not ended.wait(0.1):
            sink.write(None, planes)

    thread = threading.Thread(target=show)
    thread.start()
    read = subprocess.run([sys.executable, "-c", READER], capture_output=True, text=True, timeout=90)
    busy = refusal(DEVICE)
    ended.set()
    thread.join()
    return {"path": sink.finish(), "read": read.stdout.strip(), "reader_said": read.stderr[-300:], "busy": busy}


if __name__ == "__main__":
    report = {"absent": refusal("/dev/video9"), "forbidden": refusal_without_permission(), **show_and_read()}
    print("REPORT", json.dumps(report), flush=True)
