"""A video behind the subject, looped."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .cover_fit import cover_fit, cover_fit_planes
from .errors import InputError
from .frame import Frame
from .planes import planes_from_rgb
from .recolour import recoloured
from .source_video import VideoSource
from .yuv_planes import YuvPlanes, same_numbers


class VideoBackground:
    """A video that covers the frame, plays at its own rate and starts again at its end. One picture is kept."""

    kind = "video"

    def __init__(self, source: VideoSource):
        self.source = source
        self._frames = iter(source)
        self._offset = Fraction(0)  # when the present round began
        self._shown = self._next = None
        self._fitted: np.ndarray | YuvPlanes | None = None

    def prepare(self, frame: Frame) -> None:
        """Open the file and fit its first picture; another thread may go on from there. Raises InputError."""
        self.begin(frame)
        (self.at if frame.planes is None else self.planes_at)(frame)

    def begin(self, frame: Frame) -> None:
        """Let the first round begin at `frame`, not at the beginning of time. Raises InputError when that fails."""
        self._offset = frame.pts * frame.time_base
        self._move_to(frame)

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB: the picture that the loop shows at `frame.pts`, which never goes back."""
        self._move_to(frame)
        if not isinstance(self._fitted, np.ndarray) or self._fitted.shape[:2] != frame.size:
            self._fitted = cover_fit(self._shown.pixels, *frame.size[::-1])
        return self._fitted

    def planes_at(self, frame: Frame, background_probability: np.ndarray | None = None) -> YuvPlanes:
        """The same as planes with the frame's matrix and range."""
        self._move_to(frame)
        if not isinstance(self._fitted, YuvPlanes) or self._fitted.size != frame.size:
            self._fitted = self._fit_planes(frame.planes)
        return self._fitted

    def _fit_planes(self, planes: YuvPlanes) -> YuvPlanes:
        own = self._shown.planes
        if own is not None:
            fitted = cover_fit_planes(own, *planes.size[::-1])
            return fitted if same_numbers(own.tags, planes.tags) else recoloured(fitted, planes.tags)
        return planes_from_rgb(cover_fit(self._shown.pixels, *planes.size[::-1]), planes.tags)

    def _move_to(self, frame: Frame) -> None:
        now = frame.pts * frame.time_base
        while self._next is None or self._offset + self._next.pts * self._next.time_base <= now:
            if not self._advance(now):
                break

    def _advance(self, now: Fraction) -> bool:
        """Show the next picture and read the one after it; False when that one is not due yet."""
        if self._next is not None:
            self._shown, self._fitted = self._next, None
        self._next = next(self._frames, None)
        if self._next is not None:
            return True
        if self._shown is None:
            raise InputError(f"no frame of the background {self.source.path} can be decoded")
        ends = self._offset + (self._shown.pts + self._shown.duration) * self._shown.time_base
        if ends > now:
            return False
        self._offset, self._frames = ends, iter(self.source)
        return True

    def close(self) -> None:
        """Close the file. No `at` may be running or follow."""
        self._frames.close()
