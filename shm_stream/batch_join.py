"""The chunks of a shot joined: its outputs, their sidecars and its statistics, as if it had been made in one piece."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from .batch_chunks import first_number
from .batch_files import measure
from .batch_manifest import DONE, PARTIAL
from .chunk_files import ChunkTask, load_facts, remove_chunks
from .errors import ShmStreamError
from .join_pictures import join_pictures
from .join_video import join_videos
from .picture_format import is_pattern
from .qc_files import save_statistics
from .qc_statistics import ShotStatistics, join_statistics
from .sidecar import is_described, write_sidecars
from .sink import WITH_AUDIO


def join_chunks(task: ChunkTask, runner, tell: Callable) -> dict:
    """Join what `make_chunk` made, and return what the shot's record says."""
    started = time.perf_counter()
    chunks = task.of_all_chunks()
    facts = [load_facts(chunk) for chunk in chunks]
    if None in facts:
        raise ShmStreamError(f"a chunk of {task.shot.name} was changed or deleted meanwhile; run again")
    frames = sum(each["frames"] for each in facts)
    for kind in task.shot.outputs:
        _join_output(task, kind, chunks, facts)
    if is_described(task.job):
        _describe(task, facts[0]["described"], frames)
    outputs = [{"kind": kind, **measure(task.out, name)} for kind, name in task.shot.outputs.items()]
    parts = [ShotStatistics.from_json(each["statistics"]) for each in facts]
    save_statistics(task.out, task.shot.name, join_statistics(parts), outputs)
    remove_chunks(task)
    status, reason = next(((PARTIAL, each["warning"]) for each in facts if each["warning"]), (DONE, None))
    seconds = sum(each["seconds"] for each in facts) + time.perf_counter() - started
    return {
        "status": status, "reason": reason, "frames": frames, "seconds": round(seconds, 3),
        "warnings": facts[0]["warnings"], "outputs": outputs,
    }  # fmt: skip


def _join_output(task: ChunkTask, kind: str, chunks: list[ChunkTask], facts: list[dict]) -> None:
    target, job = task.out / task.shot.outputs[kind], task.job
    files = [path for chunk in chunks for path in chunk.files(kind)]
    if is_pattern(target):
        join_pictures(files, target, first_number(job))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    join_videos(
        files,
        target,
        [*(time for each in facts for time in each["times"]), facts[-1]["end"]],
        task.plan.time_base,
        rate=Fraction(facts[0]["rate"]),
        audio_from=Path(job.input) if kind in WITH_AUDIO else None,
        audio_origin=Fraction(facts[0]["origin"]),
        cut_start=job.start > 0,
        cut_end=job.duration is not None or job.frames is not None,
    )


def _describe(task: ChunkTask, first: dict[str, dict], frames: int) -> None:
    """`first`: what the outputs of the first chunk are, by kind; those of the shot differ in name and length."""
    facts = {}
    for kind, told in first.items():
        target = task.out / task.shot.outputs[kind]
        facts[target] = told | {"file": target.name, "frames": frames}
        if "last_number" in told:
            facts[target]["last_number"] = told["first_number"] + frames - 1
    write_sidecars(facts)
