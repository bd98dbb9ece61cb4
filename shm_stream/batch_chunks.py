"""Chunks of a shot of a batch: made by workers apart from each other, kept on disk, and joined."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from .audio import FileAudio, audio_warning
from .batch_files import is_intact, measure
from .batch_manifest import DONE, PARTIAL
from .batch_options import MAIN
from .batch_shots import Shot
from .chunk_plan import Chunk, Plan
from .errors import ShmStreamError
from .job import Job
from .job_options import JobOptions
from .join_video import join_videos
from .part import Part
from .partial import write_texts
from .prior import PriorState, prior_alpha
from .qc_files import save_statistics
from .qc_statistics import ShotStatistics, join_statistics
from .sink import WITH_AUDIO
from .video_codecs import container_of
from .work import Work

FOLDER = ".chunks"
"""Below the results, until they are joined."""


@dataclass(frozen=True)
class ChunkTask:
    """A chunk to be made; without `chunk`, all of them to be joined."""

    shot: Shot
    job: JobOptions
    settings: dict
    out: Path
    sha256: str
    """Of the source."""
    plan: Plan
    chunk: Chunk | None = None


class Recorded(ShotStatistics):
    """Also remembers when each frame is shown: of a damaged chunk some are missing."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def add(self, work: Work) -> None:
        super().add(work)
        self.times.append(work.frame.pts)


def chunk_folder(task) -> Path:
    """Where the chunks of a task's shot are."""
    return task.out / FOLDER / task.shot.name


def remove_chunks(task) -> None:
    """Delete the chunks of a task's shot, and the folders that become empty."""
    folder = chunk_folder(task)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # one that other chunks are in
        for parent in folder.parents:
            if parent == task.out:
                break
            parent.rmdir()


def make_chunk(task: ChunkTask, runner, tell: Callable) -> dict:
    """Make a chunk unless it is there, and return what a record of it says. `tell` hears how many frames are done."""
    facts = _load(task) or _make(task, runner, tell, None)
    return _outcome(facts)


def _outcome(facts: dict) -> dict:
    status = PARTIAL if facts["warning"] else DONE
    return {"status": status, "reason": facts["warning"], "frames": facts["frames"], "seconds": facts["seconds"]}


def _make(task: ChunkTask, runner, tell: Callable, prior: PriorState | None) -> dict:
    """`prior`: what the chunk before left, when a lead-in was not enough."""
    chunk, statistics, folder = task.chunk, Recorded(), chunk_folder(task)
    folder.mkdir(parents=True, exist_ok=True)
    with Job(replace(_chunk_job(task, prior), runner=runner), statistics) as job:
        report = job.run(tell)
        wanted = chunk.end - chunk.begin
        if report.frames != wanted and not report.input_warning:
            raise ShmStreamError(f"it has {report.frames} frames where packets say {wanted}; do without --chunk")
        _save_states(_path(task, ".npz"), job)
        facts = {
            **_identity(task),
            "frames": report.frames,
            "seconds": round(report.seconds, 3),
            "warning": report.input_warning,
            "times": statistics.times,
            "end": job.last.frame.pts + job.last.frame.duration,
            "origin": str(job.source.origin_seconds),
            "outputs": [measure(folder, _name(task, kind)) for kind in task.shot.outputs],
            "statistics": statistics.to_json(),
        }
    write_texts({_path(task, ".json"): json.dumps(facts)})
    return facts


def _identity(task: ChunkTask) -> dict:
    """All that a chunk depends on, as JSON holds it."""
    return {"sha256": task.sha256, "settings": task.settings, "chunk": asdict(task.chunk)}


def _path(task: ChunkTask, suffix: str) -> Path:
    return chunk_folder(task) / f"{task.chunk.number:04d}{suffix}"


def _name(task: ChunkTask, kind: str) -> str:
    return f"{task.chunk.number:04d}.{kind}{Path(task.shot.outputs[kind]).suffix}"


def _load(task: ChunkTask) -> dict | None:
    """What was written about a chunk, if it is there and what this task asks for."""
    try:
        facts = json.loads(_path(task, ".json").read_bytes())
        same = all(facts[key] == value for key, value in _identity(task).items())
        intact = all(is_intact(chunk_folder(task), output) for output in facts["outputs"])
        return facts if same and intact and _path(task, ".npz").is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _chunk_job(task: ChunkTask, prior: PriorState | None) -> JobOptions:
    chunk, plan, folder = task.chunk, task.plan, chunk_folder(task)
    lead_in = 0 if prior else chunk.lead_in
    first = chunk.begin - lead_in
    last = plan.whole and chunk.number == len(plan.chunks) - 1  # its end is the file's, which may be cut off
    paths = {"output" if kind in MAIN else kind: folder / _name(task, kind) for kind in task.shot.outputs}
    return replace(
        task.job,
        **paths,
        start=plan.seconds(first),
        duration=None,
        frames=None if last else chunk.end - first,
        part=Part(lead_in, plan.times[first], prior),
    )


def _save_states(path: Path, job: Job) -> None:
    before, after = job.prior_before, job.last
    states = {"picture": after.state.picture, "logits": after.state.logits}
    if before is not None:
        states |= {"picture_before": before.picture, "logits_before": before.logits}
    np.savez(path, **states)


def _states(task: ChunkTask) -> tuple[np.ndarray | None, PriorState]:
    """(logits of the frame before the chunk or None, what its last frame left)."""
    with np.load(_path(task, ".npz")) as file:
        return file.get("logits_before"), PriorState(file["picture"], file["logits"])


def join_chunks(task: ChunkTask, runner, tell: Callable) -> dict:
    """Join what `make_chunk` made, and return what the shot's record says."""
    started = time.perf_counter()
    tasks = [replace(task, chunk=chunk) for chunk in task.plan.chunks]
    for before, after in zip(tasks, tasks[1:]):
        _mend_seam(before, after, runner, tell)
    facts = [_load(each) for each in tasks]
    if None in facts:
        raise ShmStreamError(f"a chunk of {task.shot.name} was changed or deleted meanwhile; run again")
    warnings = [line for kind in task.shot.outputs if (line := _join(task, kind, facts))]
    outputs = [{"kind": kind, **measure(task.out, name)} for kind, name in task.shot.outputs.items()]
    parts = [ShotStatistics.from_json(each["statistics"]) for each in facts]
    save_statistics(task.out, task.shot.name, join_statistics(parts), outputs)
    remove_chunks(task)
    status, reason = next(((PARTIAL, each["warning"]) for each in facts if each["warning"]), (DONE, None))
    seconds = sum(each["seconds"] for each in facts) + time.perf_counter() - started
    frames = sum(each["frames"] for each in facts)
    return {
        "status": status, "reason": reason, "frames": frames, "seconds": round(seconds, 3), "warnings": warnings,
        "outputs": outputs,
    }  # fmt: skip


def _mend_seam(before: ChunkTask, after: ChunkTask, runner, tell: Callable) -> None:
    """Make a chunk again from where the one before ended, if its lead-in did not bring it there."""
    _, left = _states(before)
    found, _ = _states(after)
    if not np.array_equal(*(prior_alpha(logits) for logits in (found, left.logits))):
        _make(after, runner, tell, left)


def _join(task: ChunkTask, kind: str, facts: list[dict]) -> str | None:
    """Write one of the shot's outputs; returns a warning about its audio."""
    target, plan, job = task.out / task.shot.outputs[kind], task.plan, task.job
    folder, source = chunk_folder(task), Path(task.job.input)
    target.parent.mkdir(parents=True, exist_ok=True)
    audio = source if kind in WITH_AUDIO else None
    join_videos(
        [folder / _name(replace(task, chunk=chunk), kind) for chunk in plan.chunks],
        target,
        [*(time for each in facts for time in each["times"]), facts[-1]["end"]],
        plan.time_base,
        audio_from=audio,
        audio_origin=Fraction(facts[0]["origin"]),
        cut_start=job.start > 0,
        cut_end=job.duration is not None or job.frames is not None,
    )
    return audio_warning(FileAudio(source), container_of(target), target) if audio else None
