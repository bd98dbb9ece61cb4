"""A worker process of a batch: makes one shot after the other with networks loaded once.

It gets a `Task` at a time and sends messages: ("source", sha256), ("opened", expected frames or None), ("frames",
count) and at last ("result", record), ("chunks", (sha256, Plan)) for a shot that is to be cut, or ("unusable",
why no shot at all can be made).
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

from .batch_chunks import make_chunk
from .batch_files import digest, is_intact, measure, state
from .batch_join import join_chunks
from .batch_manifest import DONE, FAILED, PARTIAL, SKIPPED
from .batch_shots import Shot
from .chunk_files import ChunkTask, remove_chunks
from .chunk_plan import Plan, plan_chunks
from .engine_choice import choose_runner, threads_of
from .errors import InputError, ShmStreamError
from .job import Job
from .job_options import JobOptions
from .job_report import Report
from .picture_format import is_pattern
from .qc_files import save_statistics
from .qc_statistics import ShotStatistics
from .sidecar import is_described, sidecar_path

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
    chunk_seconds: float | None = None
    """Into how long chunks a video is cut, if it is."""


def work(connection) -> None:
    """Do every task that comes, until the other end is closed. The body of the process."""
    for name in ("SIGINT", "SIGHUP"):  # they go to the whole group; the parent decides what they mean
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runner = None
    with contextlib.suppress(EOFError):
        while True:
            task = connection.recv()
            try:
                runner = perform_task(task, runner, connection.send)
            except InputError as error:
                connection.send(("unusable", str(error)))


def _end_with_parent() -> None:
    """Nobody would record what an orphan makes, and the next run may be making it already."""
    multiprocessing.parent_process().join()
    os._exit(1)


def perform_task(task: Task | ChunkTask, runner, tell: Callable):
    """Do a task and send its record; returns the loaded runner. Raises InputError if none can be loaded."""
    if isinstance(task, ChunkTask):
        return _perform_chunk(task, runner, tell)
    sha256, outcome, plan = None, {}, None
    try:
        before = state(task.shot.path)
        sha256 = digest(task.shot.path)
        tell(("source", sha256))
        if is_finished(task, sha256):
            outcome = {"status": SKIPPED, **{name: task.previous[name] for name in FIGURES}}
    except OSError as error:
        outcome = {"status": FAILED, "reason": f"cannot read {task.shot.path}: {error.strerror}"}
    if not outcome:
        plan = _plan(task)
    if plan is not None:
        tell(("chunks", (sha256, plan)))
        return runner
    if not outcome:
        runner = runner or _load_runner(task.job)
        outcome = _unless_it_changes(task, before, _guarded(_make, task, runner, tell))
    tell(("result", record(task.shot, sha256, task.settings, **outcome)))
    return runner


def _load_runner(job: JobOptions):
    return choose_runner(job.preset, job.runner, job.device, threads_of(job).network)


def _plan(task: Task) -> Plan | None:
    """The chunks of a shot that is worth cutting. What cannot be read is told of when it is made in one piece."""
    if task.chunk_seconds is None or task.shot.kind != "video":
        return None
    with contextlib.suppress(InputError):
        return plan_chunks(task.job, task.chunk_seconds)
    return None


def _perform_chunk(task: ChunkTask, runner, tell: Callable):
    """Make a chunk, or join all of them, and send a record of it; returns the loaded runner."""
    if task.chunk is not None:
        runner = runner or _load_runner(task.job)
    before = state(task.shot.path)
    tell(("source", task.sha256))
    outcome = _guarded(join_chunks if task.chunk is None else make_chunk, task, runner, _seldom(tell))
    tell(("result", record(task.shot, task.sha256, task.settings, **_unless_it_changes(task, before, outcome))))
    return runner


def _unless_it_changes(task: Task | ChunkTask, before: tuple | None, outcome: dict) -> dict:
    if state(task.shot.path) != before:
        return outcome | {"status": FAILED, "reason": f"{task.shot.path} changed while it was read"}
    return outcome


def is_finished(task: Task, sha256: str) -> bool:
    """Whether the manifest says so of this very source and these settings, and the results are still there."""
    line = task.previous or {}
    if line.get("status") != DONE or line.get("sha256") != sha256 or line.get("settings") != task.settings:
        return False
    outputs = line.get("outputs") or []
    if len(outputs) != len(task.shot.outputs) or not all(name in line for name in FIGURES):
        return False
    described = task.shot.outputs.values() if is_described(task.job) else ()
    sidecars = [sidecar_path(task.out / name) for name in described]
    return all(path.is_file() for path in sidecars) and all(is_intact(task.out, facts) for facts in outputs)


def record(shot: Shot, sha256: str | None, settings: dict, *, status: str, reason: str | None = None, **facts) -> dict:
    """A line of the manifest; docs/batch.md describes it."""
    reason = None if reason is None else " ".join(reason.split())
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    common = {"source": shot.name, "status": status, "reason": reason, "ended": now, "sha256": sha256}
    return {**common, "frames": 0, "seconds": 0.0, "warnings": [], "outputs": [], **facts, "settings": settings}


def _guarded(function: Callable, task: Task | ChunkTask, runner, tell: Callable) -> dict:
    """Status, reason and figures for the record from `function`. Whatever fails, fails this shot only."""
    try:
        if not task.out.is_dir():  # it was there at the start, and must not come back without its manifest
            raise ShmStreamError(f"the folder {task.out} is gone")
        return function(task, runner, tell)
    except ShmStreamError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or task.shot.path}: {error.strerror or error}"
    except Exception as error:  # one bad file must not stop the others
        reason = f"internal error, please report it: {type(error).__name__}: {error}"
    return {"status": FAILED, "reason": reason}


def _make(task: Task, runner, tell: Callable) -> dict:
    """Make a shot in one piece."""
    for target in task.shot.targets(task.out):
        folder = target.parent.parent if is_pattern(target) else target.parent  # a sequence makes its own
        folder.mkdir(parents=True, exist_ok=True)
    statistics = ShotStatistics()
    with Job(replace(task.job, runner=runner), statistics) as job:
        tell(("opened", job.source.frame_count))
        outcome = _outcome(task, job.run(_seldom(tell)))
    save_statistics(task.out, task.shot.name, statistics, outcome["outputs"])
    remove_chunks(task)  # of an earlier run that cut it
    return outcome


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
