"""Sources and stages that fail, never end or keep items back, and what is pressed or checked beside them."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator


class Boom(Exception):
    """What stages and sources fail with."""


def fail_at(number, then=lambda item: item):
    """A stage that fails at that item, and does `then` with the others."""

    def function(item):
        if item == number:
            raise Boom(f"at {number}")
        return then(item)

    return function


def failing_source(count, at):
    """Numbers up to `count`, not that far when `at` is one of them."""
    for number in range(count):
        if number == at:
            raise Boom(f"at {at}")
        yield number


def endless():
    """All numbers."""
    number = 0
    while True:
        yield number
        number += 1


class Late:
    """A stage that keeps two items back."""

    def __init__(self, fails=False):
        self.kept, self.fails = [], fails

    def __call__(self, item):
        self.kept.append(item)
        return self.kept.pop(0) if len(self.kept) > 2 else None

    def rest(self):
        if self.fails:
            raise Boom("at the end")
        yield from self.kept


def press_ctrl_c_after(seconds, times=1):
    """The thread that does so, as often; join it."""

    def press():
        for _ in range(times):
            time.sleep(seconds)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@contextlib.contextmanager
def threads_end() -> Iterator[None]:
    """Of the threads that run at the end of the block, none was started in it."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()
