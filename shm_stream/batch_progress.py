"""How far a batch is: bars in a terminal, now and then a line elsewhere, or JSON for other programs."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass

from .batch_manifest import SKIPPED, STATUSES
from .cli_eval import say
from .progress import PLAIN_INTERVAL_SECONDS, describe
from .words import counted


def open_batch_progress(form: str, *, quiet: bool, verbose: bool):
    """A context manager with `add`, `opened`, `frames` and `ended`. `form` is "text" or "json" (to stdout)."""
    if form == "json":
        return JsonProgress()
    if quiet:
        return SilentProgress()
    if sys.stderr.isatty():
        return LiveProgress(verbose)
    return PlainProgress(verbose)


@dataclass
class Running:
    """A shot that is being made."""

    total: int | None
    """Expected frames, if known."""
    started: float
    count: int = 0

    @property
    def fps(self) -> float:
        return self.count / max(time.monotonic() - self.started, 1e-9)

    @property
    def eta_seconds(self) -> float | None:
        if self.total is None or not self.count:
            return None
        return max(self.total - self.count, 0) / self.fps

    @property
    def text(self) -> str:
        return describe(self.count, self.total, self.fps)


class SilentProgress:
    """Counts, and says nothing."""

    def __init__(self):
        self.shots = self.through = 0
        self.running: dict[str, Running] = {}

    @property
    def overall(self) -> str:
        return f"{self.through}/{self.shots} shots"

    def add(self, count: int) -> None:
        """That many shots more are to be made."""
        self.shots += count

    def opened(self, name: str, total: int | None) -> None:
        """A shot has begun, of about `total` frames."""
        self.running[name] = Running(total, time.monotonic())

    def frames(self, name: str, count: int) -> None:
        """So many frames of a shot are done."""
        self.running[name].count = count

    def ended(self, result: dict) -> None:
        """A shot is through; `result` is its record."""
        self.running.pop(result["source"], None)
        self.through += 1

    def concluded(self, counts: dict[str, int], *, interrupted: bool) -> None:
        """The run is over; `counts` says how many shots came to which status."""

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        pass


class PlainProgress(SilentProgress):
    """A line for each shot that was made, and at most one every PLAIN_INTERVAL_SECONDS in between."""

    def __init__(self, verbose: bool):
        super().__init__()
        self._verbose = verbose
        self._said = time.monotonic()

    def frames(self, name: str, count: int) -> None:
        super().frames(name, count)
        if time.monotonic() - self._said >= PLAIN_INTERVAL_SECONDS:
            self._line(f"{self.overall}, {name}: {self.running[name].text}")

    def ended(self, result: dict) -> None:
        super().ended(result)
        if result["status"] != SKIPPED or self._verbose:
            self._line(f"{self.overall}, {result['source']}: {outcome_text(result)}")
            for warning in result["warnings"]:
                self._line(f"warning: {result['source']}: {warning}")

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        print(text, file=sys.stderr, flush=True)


class LiveProgress(PlainProgress):
    """A bar for all shots and one for each that is being made, below the lines."""

    def __init__(self, verbose: bool):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__(verbose)
        columns = (BarColumn(), TextColumn("{task.fields[text]}", markup=False))
        self._bars = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
        self._all = self._bars.add_task("", total=None, text="starting")
        self._tasks: dict = {}

    def add(self, count: int) -> None:
        super().add(count)
        self._show_overall()

    def opened(self, name: str, total: int | None) -> None:
        super().opened(name, total)
        self._tasks[name] = self._bars.add_task("", total=total, text=name)

    def frames(self, name: str, count: int) -> None:
        SilentProgress.frames(self, name, count)
        running = self.running[name]
        total = None if running.total is None else max(running.total, count)
        self._bars.update(self._tasks[name], completed=count, total=total, text=f"{name}: {running.text}")

    def ended(self, result: dict) -> None:
        super().ended(result)
        if result["source"] in self._tasks:
            self._bars.remove_task(self._tasks.pop(result["source"]))
        self._show_overall()

    def _show_overall(self) -> None:
        self._bars.update(self._all, completed=self.through, total=self.shots, text=self.overall)

    def __enter__(self) -> LiveProgress:
        self._bars.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._bars.stop()


class JsonProgress(SilentProgress):
    """An object a line on stdout; docs/batch.md describes them."""

    def add(self, count: int) -> None:
        super().add(count)
        self.tell("pass", None)

    def opened(self, name: str, total: int | None) -> None:
        super().opened(name, total)
        self.tell("started", name)

    def frames(self, name: str, count: int) -> None:
        super().frames(name, count)
        self.tell("frames", name)

    def ended(self, result: dict) -> None:
        running = self.running.get(result["source"])
        super().ended(result)
        of = result["frames"] if running is None else running.total
        facts = {"frames": result["frames"], "of": of, "eta": 0, "reason": result["reason"]}
        self.tell(result["status"], result["source"], **facts)

    def concluded(self, counts: dict[str, int], *, interrupted: bool) -> None:
        self.tell("end", None, interrupted=interrupted, **{status: counts.get(status, 0) for status in STATUSES})

    def tell(self, event: str, name: str | None, **facts) -> None:
        """Print a line. Raises ShmStreamError when nobody takes it."""
        running = self.running.get(name)
        if running is not None:
            eta = running.eta_seconds
            facts = {"frames": running.count, "of": running.total, "eta": None if eta is None else round(eta, 1)}
        say(json.dumps({"event": event, "shot": name, **facts, "through": self.through, "shots": self.shots}))


def outcome_text(result: dict) -> str:
    """`done, 64 frames in 3.1 s`."""
    if not result["frames"]:
        return result["status"]
    frames = counted(result["frames"], "frame")
    return f"{result['status']}, {frames} in {result['seconds']:.1f} s"
