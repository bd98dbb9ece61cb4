"""A bounded channel between two threads. `queue.Queue` cannot be closed or killed before Python 3.13."""

from __future__ import annotations

import threading
from collections import deque


class Closed(Exception):
    """The channel was closed: nothing more will come, or nothing more is taken."""


class Killed(Exception):
    """The channel was killed: another thread failed, and this one has to stop."""


class Channel:
    """Holds at most `depth` items, in order. A full channel makes the writer wait, an empty one the reader."""

    def __init__(self, depth: int):
        if depth < 1:
            raise ValueError(f"a channel holds at least one item, got {depth = }")
        self._depth = depth
        self._items: deque = deque()
        self._closed = False
        self._killed = False
        self._changed = threading.Condition()

    def put(self, item) -> None:
        """Append `item`, waiting for room. Raises Closed or Killed, and then the item was not taken."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._closed or self._killed)
            if self._killed:
                raise Killed
            if self._closed:
                raise Closed
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
            item = self._items.popleft()
            self._changed.notify_all()
            return item

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
