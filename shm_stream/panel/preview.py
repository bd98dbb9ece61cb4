"""Small pictures of what the job does, made only while somebody watches."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from ..reduce import reduce_picture, reduce_to_rgb
from ..work import Work

VIEWS = ("composite", "alpha", "source")
PER_SECOND = 15
WIDEST = 960
QUALITY = 82


@dataclass(frozen=True, eq=False)
class Picture:
    """What one view showed at a time."""

    pixels: np.ndarray
    """[h, w, 3] RGB or, of alpha, [h, w] uint8."""

    @cached_property
    def jpeg(self) -> bytes:
        """Encoded once for all who watch; 1 to 4 ms."""
        bgr = self.pixels if self.pixels.ndim == 2 else cv2.cvtColor(self.pixels, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


class Preview:
    """`offer` is the job's side: it copies small pictures, at most PER_SECOND times a second, for its watchers."""

    def __init__(self, engine):
        self._engine = engine
        self._watchers: frozenset[Watcher] = frozenset()  # replaced, not changed: the job reads it in its own thread
        self._due = 0.0

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    def offer(self, work: Work) -> None:
        """Called for every frame, in the sink's thread. Costs nothing when nobody watches."""
        now = time.monotonic()
        watchers = self._watchers
        if not watchers or now < self._due:
            return
        self._due = max(self._due + 1 / PER_SECOND, now - 1 / PER_SECOND)
        pictures: dict[str, Picture] = {}
        for watcher in watchers:
            view = watcher.view
            if view not in pictures:
                pictures[view] = Picture(self.small(work, view))
            watcher.give(pictures[view])

    def small(self, work: Work, view: str) -> np.ndarray:
        """[h, w, 3] RGB or, of alpha, [h, w] uint8: at most WIDEST columns."""
        height, width = work.frame.size
        shrink = min(1.0, WIDEST / width)
        size = max(1, round(height * shrink)), max(1, round(width * shrink))
        if view == "alpha":
            alpha = work.outputs.get("alpha")
            alpha = np.uint8(self._engine.alpha(work) * 255 + 0.5) if alpha is None else alpha
            return reduce_picture(alpha, *size)
        picture = work.frame.picture if view == "source" else work.outputs["composite"]
        return reduce_to_rgb(picture, *size)

    def add(self, watcher: Watcher) -> None:
        self._watchers |= {watcher}

    def remove(self, watcher: Watcher) -> None:
        self._watchers -= {watcher}


class Watcher:
    """One who looks at `view`, which may be changed, between `with` and its end; in an event loop."""

    def __init__(self, preview: Preview, view: str):
        self.view = view
        self._preview = preview
        self._loop = asyncio.get_running_loop()
        self._new = asyncio.Event()
        self._picture: Picture | None = None

    def __enter__(self) -> Watcher:
        self._preview.add(self)
        return self

    def __exit__(self, *_) -> None:
        self._preview.remove(self)

    def give(self, picture: Picture) -> None:
        """From the job's thread. It replaces one that was not taken."""
        self._picture = picture
        with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
            self._loop.call_soon_threadsafe(self._new.set)

    async def next(self) -> Picture:
        """The newest picture, when there is one that was not taken yet."""
        await self._new.wait()
        self._new.clear()
        return self._picture
