"""What the thread of a live output asks of a server, a folder or a program that it sends pictures to."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import av
import numpy as np

from .yuv_planes import YuvPlanes

FAILURES = (av.FFmpegError, OSError)
"""What a connection can end with: not every error of FFmpeg is an OSError."""


class Outlet(Protocol):
    """Where a LiveSink's pictures go. Its thread calls all methods but `convert` and `abort`."""

    name: str
    picture: str
    """Which of the engine's outputs it takes."""
    watched: bool
    """Whether pictures are missed while there is no connection: somebody must be there all the time. OBS need not."""
    pause_seconds: float
    """Between the first attempts to connect again; doubled from one to the next."""

    def connect(self) -> None:
        """Raises one of FAILURES."""

    def convert(self, picture: np.ndarray | YuvPlanes) -> av.VideoFrame:
        """A frame that shares no memory with `picture`; called in the pipeline's thread."""

    def write(self, picture: av.VideoFrame, seconds: Fraction, duration: Fraction) -> None:
        """Raises one of FAILURES when the connection is lost."""

    def close(self) -> None:
        """End it in good order. Raises one of FAILURES."""

    def abort(self) -> None:
        """End it at once, from any thread, also while another one waits in `write`."""

    def release(self) -> None:
        """The last call, connected or not: give back what would stay taken."""
