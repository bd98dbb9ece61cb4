"""A bounded channel between two threads. `queue.Queue` cannot be closed or killed before Python 3.13."""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter


class Closed(Exception):
    """The channel was closed: nothing more will come, or nothing more is taken."""


class Killed(Exception):
    """The channel was killed: another thread failed, and this one has to stop."""


class Channel:
    """Holds at most `depth` items, in order. A full channel makes the writer wait, an empty one the reader."""

    def __init__(self, depth: int):
        if depth < 1:
            raise ValueError(f"a channel holds at least one item, got {depth = }")
        self.depth = depth
        self._items: deque = deque()
        self._closed = False
        self._killed = False
        self._changed = threading.Condition()
        self._began: float | None = None  # when the first item came
        self._noted = 0.0  # when the last one came or went
        self._waited = 0.0  # seconds that items were inside until then, of all items together

    def put(self, item) -> None:
        """Append `item`, waiting for room. Raises Closed or Killed, and then the item was not taken."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self.depth or self._closed or self._killed)
            if self._killed:
                raise Killed
            if self._closed:
                raise Closed
            self._note()
            self._items.append(item)
            self._changed.notify_all()

    def get(self):
        """Take the oldest item, waiting for one. Raises Closed after the last one, Killed at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed or self._killed)
            if self._killed:
                raise Killed
            if not self._items:
                raise Closed
            self._note()
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    @property
    def mean_waiting(self) -> float:
        """How many items were inside on average, from the first one's coming until the last one came or went."""
        with self._changed:
            return self._waited / (self._noted - self._began) if self._waited else 0.0

    def _note(self) -> None:
        """Before an item comes or goes."""
        now = perf_counter()
        if self._began is None:
            self._began = now
        else:
            self._waited += len(self._items) * (now - self._noted)
        self._noted = now

    def close(self) -> None:
        """No more items: the reader gets what is inside and then Closed, a writer gets Closed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def kill(self) -> None:
        """Throw away what is inside; everyone who waits or comes later gets Killed."""
        with self._changed:
            self._killed = True
            self._items.clear()
            self._changed.notify_all()
