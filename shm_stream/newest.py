"""Hand-over between a live input and a slower reader: only the newest frame is kept."""

from __future__ import annotations

import threading

from .channel import Closed, Killed


class NewestSlot:
    """Holds one item. `put` never waits: what was not taken until then is dropped and counted.

    Otherwise used like a `channel.Channel`.
    """

    def __init__(self):
        self.dropped = 0
        """Items that were replaced before anybody took them, since `count_from_here`."""
        self._item = None
        self._full = self._closed = self._killed = False
        self._changed = threading.Condition()

    def put(self, item) -> None:
        """Replace what is inside. Raises Closed or Killed."""
        with self._changed:
            if self._killed:
                raise Killed
            if self._closed:
                raise Closed
            self.dropped += self._full
            self._item, self._full = item, True
            self._changed.notify_all()

    def get(self, timeout_seconds: float | None = None):
        """Take the newest item, waiting for one. Raises Closed after the last, Killed at once, TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._full or self._closed or self._killed, timeout_seconds):
                raise TimeoutError
            if self._killed:
                raise Killed
            if not self._full:
                raise Closed
            item, self._item, self._full = self._item, None, False
            return item

    def count_from_here(self) -> None:
        """Forget what was dropped before anybody wanted frames."""
        with self._changed:
            self.dropped = 0

    def close(self) -> None:
        """No more items: the reader gets what is inside and then Closed, a writer gets Closed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def kill(self) -> None:
        """Throw away what is inside; everyone who waits or comes later gets Killed."""
        with self._changed:
            self._killed, self._item, self._full = True, None, False
            self._changed.notify_all()
