"""A worker process of a batch: makes one shot after the other with networks loaded once.

It gets a `Task` at a time and sends messages: ("source", sha256), ("opened", expected frames or None), ("frames",
count) and at last ("result", record) or ("unusable", why no shot at all can be made).
"""

from __future__ import annotations

import contextlib
import datetime
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .batch_files import digest, is_intact, measure, state
from .batch_manifest import DONE, FAILED, PARTIAL, SKIPPED
from .batch_shots import Shot
from .errors import InputError, ShmStreamError
from .job import Job, JobOptions, Report, choose_runner
from .qc_files import save_statistics
from .qc_statistics import ShotStatistics

TELL_SECONDS = 0.2
"""Frames are told of no more often."""
FIGURES = ("frames", "seconds", "warnings", "outputs")
"""What a record has only when something was made."""


@dataclass(frozen=True)
class Task:
    """One shot to be made, unless `previous`, its last line in the manifest, says that it is."""

    shot: Shot
    job: JobOptions
    settings: dict
    out: Path
    previous: dict | None


def work(connection) -> None:
    """Do every task that comes, until the other end is closed. The body of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides what it means
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runner = None
    with contextlib.suppress(EOFError):
        while True:
            task = connection.recv()
            try:
                runner = _perform(task, runner, connection.send)
            except InputError as error:
                connection.send(("unusable", str(error)))


def _end_with_parent() -> None:
    """Nobody would record what an orphan makes, and the next run may be making it already."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _perform(task: Task, runner, tell: Callable):
    """Do a task and send its record; returns the loaded runner. Raises InputError if none can be loaded."""
    sha256, outcome = None, {}
    try:
        before = state(task.shot.path)
        sha256 = digest(task.shot.path)
        tell(("source", sha256))
        if is_finished(task, sha256):
            outcome = {"status": SKIPPED, **{name: task.previous[name] for name in FIGURES}}
    except OSError as error:
        outcome = {"status": FAILED, "reason": f"cannot read {task.shot.path}: {error.strerror}"}
    if not outcome:
        runner = runner or choose_runner(task.job.preset, task.job.runner, task.job.device)
        outcome = _make(task, runner, tell)
        if state(task.shot.path) != before:
            outcome |= {"status": FAILED, "reason": f"{task.shot.path} changed while it was read"}
    tell(("result", record(task.shot, sha256, task.settings, **outcome)))
    return runner


def is_finished(task: Task, sha256: str) -> bool:
    """Whether the manifest says so of this very source and these settings, and the results are still there."""
    line = task.previous or {}
    if line.get("status") != DONE or line.get("sha256") != sha256 or line.get("settings") != task.settings:
        return False
    outputs = line.get("outputs") or []
    if len(outputs) != len(task.shot.outputs) or not all(name in line for name in FIGURES):
        return False
    return all(is_intact(task.out, facts) for facts in outputs)


def record(shot: Shot, sha256: str | None, settings: dict, *, status: str, reason: str | None = None, **facts) -> dict:
    """A line of the manifest; docs/batch.md describes it."""
    reason = None if reason is None else " ".join(reason.split())
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    common = {"source": shot.name, "status": status, "reason": reason, "ended": now, "sha256": sha256}
    return {**common, "frames": 0, "seconds": 0.0, "warnings": [], "outputs": [], **facts, "settings": settings}


def _make(task: Task, runner, tell: Callable) -> dict:
    """Run the job; status, reason and figures for the record. Whatever fails, fails this shot only."""
    try:
        if not task.out.is_dir():  # it was there at the start, and must not come back without its manifest
            raise ShmStreamError(f"the folder {task.out} is gone")
        for target in task.shot.targets(task.out):
            target.parent.mkdir(parents=True, exist_ok=True)
        statistics = ShotStatistics()
        with Job(replace(task.job, runner=runner), statistics) as job:
            tell(("opened", job.source.frame_count))
            outcome = _outcome(task, job.run(_seldom(tell)))
        save_statistics(task.out, task.shot.name, statistics, outcome["outputs"])
        return outcome
    except ShmStreamError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or task.shot.path}: {error.strerror or error}"
    except Exception as error:  # one bad file must not stop the others
        reason = f"internal error, please report it: {type(error).__name__}: {error}"
    return {"status": FAILED, "reason": reason}


def _outcome(task: Task, report: Report) -> dict:
    return {
        "status": PARTIAL if report.input_warning else DONE,
        "reason": report.input_warning,
        "frames": report.frames,
        "seconds": round(report.seconds, 3),
        "warnings": report.warnings,
        "outputs": [{"kind": kind, **measure(task.out, name)} for kind, name in task.shot.outputs.items()],
    }


def _seldom(tell: Callable) -> Callable[[int], None]:
    """A listener for `Job.run` that passes the count on at most every TELL_SECONDS."""
    told = 0.0

    def on_frame(count: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= TELL_SECONDS:
            told = now
            tell(("frames", count))

    return on_frame
