"""A real job that runs until it is stopped, with its control page."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from stand_ins import StandInRunner, write_clip

from shm_stream.desk import open_desk
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions

SIZE = (96, 128)
"""Height and width of the clip."""


class LeftHalf(StandInRunner):
    """Somebody stands in the left half."""

    def tnet(self, x):
        logits = super().tnet(x)
        width = logits.shape[2]
        logits[:] = -50
        logits[0, :, : width // 2] = logits[1, :, width // 2 :] = 50
        return logits


def solid(path, colour):
    """A picture of one colour, RGB."""
    cv2.imwrite(str(path), np.full((40, 60, 3), colour[::-1], np.uint8))
    return path


def two_backgrounds(tmp_path) -> Path:
    """A folder to choose from."""
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    solid(folder / "blue.png", (0, 0, 255))
    solid(folder / "green.png", (0, 200, 0))
    return folder


@contextlib.contextmanager
def running_job(tmp_path, *, bg="red", folder=None, output=None, **options):
    """(Desk, start) of a job that repeats a grey clip; it is stopped at the end, and must end well. `start` it.

    No thread of it may be left."""
    before = set(threading.enumerate())
    clip = write_clip(tmp_path / "clip.mp4", [np.full((*SIZE, 3), 128, np.uint8)] * 10)
    live = LiveOptions(loop=True)
    made = JobOptions(clip, output, bg=bg, runner=LeftHalf(), live=live, panel=True, **options)
    with Job(made) as job:
        desk = open_desk(job, folder, str(bg), None)
        result = []
        thread = threading.Thread(target=lambda: result.append(job.run()), daemon=True)
        try:
            yield desk, thread.start
        finally:
            end = time.monotonic() + 20
            while thread.is_alive() and not desk.figures.summary()["frames"] and time.monotonic() < end:
                time.sleep(0.01)  # a job without any frame is none
            job.stop()
            if thread.ident is not None:
                thread.join(20)
            desk.close()
    assert result and not result[0].interrupted, "the job failed"
    left = set(threading.enumerate()) - before
    assert {thread for thread in left if not thread.name.startswith("asyncio_")} == set()


@contextlib.contextmanager
def served(tmp_path, *, host="127.0.0.1", **options):
    """(PanelServer, Desk) of such a job."""
    from shm_stream.panel.server import PanelServer

    with running_job(tmp_path, **options) as (desk, start):
        server = PanelServer(desk, host)
        start()
        try:
            yield server, desk
        finally:
            server.close()
