"""Arrays that go round: taken by a stage, given back when the sink has used them."""

from __future__ import annotations

import threading

import numpy as np


class BufferPool:
    """Keeps at most `limit` arrays that nobody uses. The pipeline's bounded channels bound how many are in use."""

    def __init__(self, limit: int = 32):
        self._limit = limit
        self._free: list[np.ndarray] = []
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        """An array with undefined content that is nobody else's until it is given back."""
        with self._lock:
            for position, array in enumerate(self._free):
                if array.shape == shape and array.dtype == dtype:
                    return self._free.pop(position)
        return np.empty(shape, dtype)

    def give(self, array: np.ndarray) -> None:
        """Hand back an array that came from `take` and is no longer read by anyone."""
        with self._lock:
            self._free.append(array)
            del self._free[: -self._limit]
