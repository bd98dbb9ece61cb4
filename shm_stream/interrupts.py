"""Ctrl-C, SIGTERM and a terminal that is closed, as KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""What ends a command in good order. Not all systems have all of them."""


@contextlib.contextmanager
def interrupts(times: int, *, last: bool = False) -> Iterator[Callable[[], None]]:
    """Each of the first `times` signals raises KeyboardInterrupt; impatient ones after them cut no ending short.

    Gives a function after which no more are raised. What the command was started to ignore, as by nohup, stays ignored.
    `last`: the process ends afterwards, and no signal changes its exit code any more.
    """
    if threading.current_thread() is not threading.main_thread():  # interrupts are the main thread's
        yield lambda: None
        return
    left = times

    def interrupt(number: int, frame) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise KeyboardInterrupt

    def settle() -> None:
        nonlocal left
        left = 0

    before = {number: signal.signal(number, interrupt) for number in _numbers()}
    try:
        yield settle
    finally:
        settle()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if last else handler)


def _numbers() -> list[int]:
    present = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    return [number for number in present if signal.getsignal(number) not in (signal.SIG_IGN, None)]
