"""Small JPEG pictures of what the job does, made only while somebody watches."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from ..reduce import reduce_picture, reduce_to_rgb
from ..work import Work

VIEWS = ("composite", "alpha", "source")
PER_SECOND = 15
WIDEST = 960
QUALITY = 82


class Preview:
    """`offer` is the job's side: it copies a small picture, at most PER_SECOND times a second. A thread of its own
    encodes the newest, and tells those who watch."""

    def __init__(self, engine):
        self._engine = engine
        self._watching: Counter[str] = Counter()
        self._listeners: set[Callable[[], None]] = set()
        self._latest: dict[str, tuple[int, bytes]] = {}
        self._due = 0.0
        self._waiting: dict[str, np.ndarray] | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._encode, name="shm-preview", daemon=True)
        self._thread.start()

    def offer(self, work: Work) -> None:
        """Called for every frame, in the sink's thread. Costs nothing when nobody watches."""
        now = time.monotonic()
        views = [view for view, count in self._watching.copy().items() if count]
        if not views or now < self._due:
            return
        self._due = max(self._due + 1 / PER_SECOND, now - 1 / PER_SECOND)
        pictures = {view: self.small(work, view) for view in views}
        with self._changed:
            self._waiting = pictures
            self._changed.notify_all()

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

    def _encode(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._closed)
                if self._closed:
                    return
                pictures, self._waiting = self._waiting, None
            for view, pixels in pictures.items():
                jpeg = encode(pixels)
                number = self._latest.get(view, (0, b""))[0] + 1
                self._latest[view] = number, jpeg
            for wake in list(self._listeners):
                wake()

    def latest(self, view: str) -> tuple[int, bytes]:
        """(number, JPEG) of the newest picture; (0, b"") before the first."""
        return self._latest.get(view, (0, b""))

    @contextlib.contextmanager
    def watched(self, view: str, wake: Callable[[], None]) -> Iterator[None]:
        """While inside, pictures of `view` are made, and `wake` is called in another thread for each."""
        with self._changed:
            self._watching[view] += 1
            self._listeners.add(wake)
        try:
            yield
        finally:
            with self._changed:
                self._watching[view] -= 1
                self._listeners.discard(wake)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()


def encode(pixels: np.ndarray) -> bytes:
    """[h, w, 3] RGB or [h, w] grey uint8 → JPEG."""
    bgr = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
