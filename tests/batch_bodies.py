"""Bodies of worker processes of a batch: runners that stand in for networks, and what may go wrong in one."""

from __future__ import annotations

import os
import time
from functools import partial

import cv2
import numpy as np
from stand_ins import StandInRunner

from shm_stream import InputError, batch_worker, engine_choice

SLOW_VARIABLE = "TEST_BATCH_SECONDS_PER_FRAME"
TOUCHED_VARIABLE = "TEST_BATCH_TOUCHED"


class Slow(StandInRunner):
    """Takes its time, so that there is a middle of the work to be stopped in."""

    def mnet(self, x):
        time.sleep(float(os.environ.get(SLOW_VARIABLE, "0")))
        return super().mnet(x)


class Touching(StandInRunner):
    """Writes to the source while it is read, as a copy that goes on does."""

    def mnet(self, x):
        with open(os.environ[TOUCHED_VARIABLE], "ab") as file:
            file.write(b"more")
        return super().mnet(x)


class Failing(StandInRunner):
    """Has an error in it that shows at the 14th frame: the second of day/b.mkv."""

    def mnet(self, x):
        if len(self.mnet_shapes) == 13:
            self.mnet_shapes.append(x.shape)
            raise ZeroDivisionError("two\nlines")
        return super().mnet(x)


class Bright(StandInRunner):
    """Somebody is where it is bright."""

    def mnet(self, x):
        super().mnet(x)
        inside = slice(self.halo, -self.halo)
        return np.ascontiguousarray(x[0, inside, inside])


class Soft(Bright):
    """Where the picture is bright somebody is, more or less."""

    def mnet(self, x):
        return np.float32(0.1) + np.float32(0.8) * super().mnet(x)


class Alternating(StandInRunner):
    """Says foreground after background and background after foreground: it never forgets how it began."""

    def tnet(self, x):
        logits = super().tnet(x)
        logits[2] = -50
        logits[int(x[0, 3].mean() > 0.5)] = 50
        return logits


class Wavering(StandInRunner):
    """Sure of what is bright, less so of grey, and unsettled by noise; where `stubborn` also by the frame before."""

    def __init__(self, stubborn: bool = False):
        super().__init__(alpha_raw=0.5)
        self.stubborn = stubborn

    def tnet(self, x):
        logits = super().tnet(x)
        grey = cv2.resize(x[0, :3].mean(0), logits.shape[:0:-1], interpolation=cv2.INTER_AREA)
        logits[0], logits[1], logits[2] = 40 * (grey - 0.5), -40 * (grey - 0.5), 0
        if self.stubborn:  # alternates, and so never forgets how it began
            logits[0] += 3 if x[0, 3].mean() < 0.5 else -3
        return logits


def work_with(make_runner, connection) -> None:
    """The body of a worker process with `make_runner()` in the place of networks."""
    engine_choice.load_runner = lambda *_: make_runner()
    batch_worker.TELL_SECONDS = 0.0
    batch_worker.work(connection)


def refuse() -> None:
    raise InputError("no such thing as a network")


stand_in_work = partial(work_with, Slow)
touching_work = partial(work_with, Touching)
failing_work = partial(work_with, Failing)
unusable_work = partial(work_with, refuse)
bright_work = partial(work_with, Bright)
soft_work = partial(work_with, Soft)
faint_work = partial(work_with, partial(StandInRunner, alpha_raw=0.5))
alternating_work = partial(work_with, Alternating)
wavering_work = partial(work_with, Wavering)
stubborn_work = partial(work_with, partial(Wavering, stubborn=True))
