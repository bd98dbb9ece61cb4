"""Arrays that go round: taken by a stage, given back when the sink has used them."""

from __future__ import annotations

import threading

import numpy as np


class BufferPool:
    """Keeps at most `limit` arrays that nobody uses. The pipeline's bounded channels bound how many are in use."""

    def __init__(self, limit: int = 32, make=np.empty):
        """`make`: shape and dtype → an array, or what has these, too."""
        self._limit, self._make = limit, make
        self._free: list = []
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...], dtype):
        """An array with undefined content that is nobody else's until it is given back."""
        with self._lock:
            for position, array in enumerate(self._free):
                if array.shape == shape and array.dtype == dtype:
                    return self._free.pop(position)
        return self._make(shape, dtype)

    def give(self, array) -> None:
        """Hand back an array that came from `take` and is no longer read by anyone."""
        with self._lock:
            self._free.append(array)
            del self._free[: -self._limit]


class Canvas:
    """alpha_raw of a frame, and what is known about it: clearing only what was drawn saves writing most of it."""

    def __init__(self, shape: tuple[int, int], dtype):
        self.alpha_raw = np.empty(shape, dtype)
        self.drawn: np.ndarray | None = None
        """The blocks that may hold anything but 0.5, as in `MNetKernel.draw`."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.alpha_raw.shape

    @property
    def dtype(self) -> np.dtype:
        return self.alpha_raw.dtype
