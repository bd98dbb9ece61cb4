"""Whoever listens to a command may go away, as a terminal that is closed does. Its work goes on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class Listener:
    """A text stream such as stderr, to which writing never fails: what nobody can hear is not said."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream does."""
        try:
            return self._stream.write(text)
        except OSError:
            self._give_up()
            return len(text)

    def flush(self) -> None:
        """As the stream does."""
        try:
            self._stream.flush()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """From here on, also what waits in the stream goes nowhere."""
        with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


@contextlib.contextmanager
def unfailing_stderr() -> Iterator[None]:
    """While inside, sys.stderr is a Listener."""
    if sys.stderr is None:  # the command was started without one
        yield
        return
    with contextlib.redirect_stderr(Listener(sys.stderr)):
        yield
