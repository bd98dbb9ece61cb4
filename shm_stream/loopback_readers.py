"""Who has a v4l2loopback device open besides us. Asks the kernel: inotify says when to look, /proc says who it is.

Numbers and layouts are those of linux/inotify.h.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

OPEN, CLOSE_WRITE, CLOSE_NOWRITE = 0x20, 0x8, 0x10
EVENT = struct.Struct("iIII")
"""Watch, mask, cookie, length of the name, which is empty for a file that is watched itself."""
LOOK_SECONDS = 2.0
"""A look is taken that often without being told: a container's device may be another file than the host's."""


class LoopbackReaders:
    """`watched` answers at once; a thread finds out. Programs count from opening the device on, whatever they do."""

    def __init__(self, device: str):
        """Raises OSError where the kernel cannot be asked."""
        self._device, self._number = device, os.stat(device).st_rdev
        self._events = _watch(device)
        self._unseen = 0
        self._end, self._ended = os.pipe()
        self._look()
        self._thread = threading.Thread(target=self._follow, name="shm-readers", daemon=True)
        self._thread.start()

    def watched(self) -> bool:
        """Whether another process has it open. One of another user cannot be seen: what it opens and does not close
        is counted."""
        return self._found or self._unseen > 0

    def _follow(self) -> None:
        while True:
            ready, _, _ = select.select([self._events, self._end], [], [], LOOK_SECONDS)
            if self._end in ready:
                return
            if self._events in ready:
                for mask in _masks(os.read(self._events, 4096)):
                    self._unseen = max(0, self._unseen + (1 if mask & OPEN else -1))
            self._look()

    def _look(self) -> None:
        self._found = any(process != os.getpid() for process in holders(self._number))

    def close(self) -> None:
        """End the thread."""
        os.close(self._ended)
        self._thread.join()
        os.close(self._end)
        os.close(self._events)


def holders(number: int) -> Iterator[int]:
    """Processes that have the device of that number (`st_rdev`) open, as far as they may be looked at."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        if any(_is_device(file, number) for file in _listed(folder)):
            yield int(folder.parent.name)


def _listed(folder: Path) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []  # it has ended, or is another user's


def _is_device(file: str, number: int) -> bool:
    try:  # only what lies in /dev is looked at closer: a file on a lost server would make us wait
        return os.readlink(file).startswith("/dev/") and os.stat(file).st_rdev == number
    except OSError:
        return False


def _watch(device: str) -> int:
    """A file descriptor that is told when `device` is opened and closed. Raises OSError."""
    if sys.platform != "linux":
        raise OSError("inotify is Linux's")
    libc = ctypes.CDLL(None, use_errno=True)
    events = libc.inotify_init1(os.O_CLOEXEC)
    if events < 0 or libc.inotify_add_watch(events, os.fsencode(device), OPEN | CLOSE_WRITE | CLOSE_NOWRITE) < 0:
        number = ctypes.get_errno()
        if events >= 0:
            os.close(events)
        raise OSError(number, os.strerror(number), device)
    return events


def _masks(data: bytes) -> Iterator[int]:
    position = 0
    while position < len(data):
        _, mask, _, length = EVENT.unpack_from(data, position)
        yield mask
        position += EVENT.size + length
