"""Progress on stderr: a live line in a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import datetime
import sys
import time

PLAIN_INTERVAL_SECONDS = 10.0


def open_progress(total: int | None, *, quiet: bool):
    """A context manager with `update(count)`. `total` is an estimate or None."""
    if quiet:
        return SilentProgress()
    if sys.stderr.isatty():
        return LiveProgress(total)
    return PlainProgress(total)


class SilentProgress:
    """Nothing at all."""

    def update(self, count: int) -> None:
        """Says nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        pass


class PlainProgress(SilentProgress):
    """At most a line every PLAIN_INTERVAL_SECONDS, so that short jobs leave logs clean."""

    def __init__(self, total: int | None):
        self._total = total
        self._started = self._said = time.monotonic()

    def update(self, count: int) -> None:
        """Called after each frame with the number of frames done."""
        now = time.monotonic()
        if now - self._said < PLAIN_INTERVAL_SECONDS:
            return
        self._said = now
        fps = count / (now - self._started)
        print(describe(count, self._total, fps), file=sys.stderr, flush=True)


class LiveProgress:
    """A bar with speed and time left."""

    def __init__(self, total: int | None):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(), TextColumn("{task.fields[text]}"))
        # lines on stdout are printed above the bar, but stay out of stderr when stdout goes to a file
        above = sys.stdout.isatty()
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=above)
        self._total = total
        self._task = self._bar.add_task("", total=total, text="starting")
        self._started = time.monotonic()

    def update(self, count: int) -> None:
        """Called after each frame with the number of frames done."""
        total = None if self._total is None else max(self._total, count)
        fps = count / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, completed=count, total=total, text=describe(count, total, fps))

    def __enter__(self) -> LiveProgress:
        self._bar.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._bar.stop()


def describe(count: int, total: int | None, fps: float) -> str:
    """`120 of about 300 frames, 24.9 fps, 0:00:07 left`."""
    if total is None:
        return f"{count} frames, {fps:.1f} fps"
    left = max(total - count, 0) / fps if fps > 0 else 0
    clock = datetime.timedelta(seconds=round(left))
    return f"{count} of about {max(total, count)} frames, {fps:.1f} fps, {clock} left"
