"""Threads stay as urgent as they are: an encoder may not make them real-time threads."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

URGENT_CODECS = {"libsvtav1"}


@contextlib.contextmanager
def usual_priority(codec: str) -> Iterator[None]:
    """Open and first use the encoder `codec` inside: afterwards no thread is more urgent than before.

    SVT-AV1 that root runs, as in a container, gives its own threads and the one that opens it SCHED_FIFO with the
    highest priority. Nothing else on the machine would get a core before them, nor before what they start.
    """
    if codec not in URGENT_CODECS or not os.path.isdir("/proc/self/task"):
        yield
        return
    before = _policies()
    try:
        yield
    finally:
        _put_back(before)


def _policies() -> dict[int, int]:
    """Thread → how the kernel schedules it."""
    found = {}
    for name in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            found[int(name)] = os.sched_getscheduler(int(name))
    return found


def _put_back(before: dict[int, int]) -> None:
    """New threads get what the caller had."""
    real_time = (os.SCHED_FIFO, os.SCHED_RR)
    own = before[threading.get_native_id()]
    for thread, policy in _policies().items():
        usual = before.get(thread, own)
        if policy in real_time and usual not in real_time:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(thread, usual, os.sched_param(0))
