"""Keys in the terminal while a job runs: q s h f z r [ ] and ?."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable

from .desk import Desk
from .errors import ShmStreamError

HELP = """\
s  background on and off    h  mirror    z  freeze    r  be right back
[ ]  previous and next background    f  figures    ?  these keys    q  quit"""
WAKE_SECONDS = 0.1
"""How soon `close` is noticed."""


class Keys:
    """Reads single keys from the terminal `fd` until `close`, which leaves the terminal as it was."""

    def __init__(self, desk: Desk, say: Callable[[str], None], figures: Callable[[], str], fd: int):
        import termios
        import tty

        self._desk, self._say, self._figures, self._fd = desk, say, figures, fd
        before = termios.tcgetattr(fd)
        self._restore = lambda: termios.tcsetattr(fd, termios.TCSADRAIN, before)
        tty.setcbreak(fd)  # Ctrl-C still interrupts
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="shm-keys", daemon=True)
        self._thread.start()

    def press(self, key: str) -> None:
        """Do what `key` stands for; unknown keys do nothing."""
        desk = self._desk
        actions = {
            "q": desk.stop,
            "s": lambda: desk.toggle("background"),
            "h": lambda: desk.toggle("mirror"),
            "z": lambda: desk.toggle("freeze"),
            "r": lambda: desk.toggle("slate"),
            "[": lambda: desk.step(-1),
            "]": lambda: desk.step(1),
            "f": lambda: self._say(self._figures()),
            "?": lambda: self._say(HELP),
        }
        try:
            actions.get(key, lambda: None)()
        except ShmStreamError as error:
            self._say(str(error))

    def _read(self) -> None:
        while not self._ended.is_set():
            if select.select([self._fd], [], [], WAKE_SECONDS)[0]:
                text = os.read(self._fd, 64).decode(errors="ignore")
                if not text:  # the terminal has gone
                    return
                for key in text:
                    self.press(key)

    def close(self) -> None:
        """Stop reading; idempotent."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(Exception):  # a terminal that has gone needs nothing
            self._restore()


def can_read_keys() -> bool:
    """Whether somebody sits at a terminal whose keys are ours to read: it and its process are in the foreground."""
    try:
        import termios  # noqa: F401 - not on Windows

        fd = sys.stdin.fileno()
        return os.isatty(fd) and sys.stderr.isatty() and os.tcgetpgrp(fd) == os.getpgrp()
    except (ImportError, OSError, ValueError, AttributeError):
        return False
