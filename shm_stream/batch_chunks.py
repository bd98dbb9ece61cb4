"""Chunks of a shot of a batch, made by workers apart from each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .batch_files import measure
from .batch_manifest import DONE, PARTIAL
from .batch_options import MAIN
from .chunk_files import ChunkTask, load_facts, save_facts
from .delivery import FIRST_NUMBER, for_target
from .errors import ShmStreamError
from .job import Job, state_after
from .job_options import JobOptions
from .part import Part
from .partial import sweep
from .picture_format import is_pattern
from .prior import PriorState
from .qc_statistics import ShotStatistics
from .seam import LAST, load_state, save_states
from .sidecar import described
from .work import Work


class Recorded(ShotStatistics):
    """Also remembers when each frame is shown: of a damaged chunk some are missing."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def add(self, work: Work) -> None:
        super().add(work)
        self.times.append(work.frame.pts)


def make_chunk(task: ChunkTask, runner, tell: Callable) -> dict:
    """Make a chunk unless it is there, and return what a record of it says. `tell` hears how many frames are done."""
    facts = (None if task.resumes else load_facts(task)) or _make(task, runner, tell)
    status = PARTIAL if facts["warning"] else DONE
    return {"status": status, "reason": facts["warning"], "frames": facts["frames"], "seconds": facts["seconds"]}


def _make(task: ChunkTask, runner, tell: Callable) -> dict:
    chunk, statistics = task.chunk, Recorded()
    prior = load_state(task.before().states, LAST) if task.resumes else None
    task.folder.mkdir(parents=True, exist_ok=True)
    sweep(task.folder / task.output(kind) for kind in task.shot.outputs)
    task.facts.unlink(missing_ok=True)  # from here on the chunk is not there, until it is complete
    with Job(replace(_chunk_job(task, prior), runner=runner), statistics) as job:
        report = job.run(tell)
        wanted = chunk.end - chunk.begin
        if report.frames != wanted and not report.input_warning:
            raise ShmStreamError(f"it has {report.frames} frames where packets say {wanted}; do without --chunk")
        save_states(task.states, job.prior_before, state_after(job.last))
        facts = {
            "frames": report.frames,
            "seconds": round(report.seconds, 3),
            "warning": report.input_warning,
            "warnings": report.warnings,
            "times": statistics.times,
            "end": job.last.frame.pts + job.last.frame.duration,
            "rate": str(job.source.rate),
            "origin": str(job.source.origin_seconds),
            "outputs": [measure(task.folder, task.output(kind)) for kind in task.shot.outputs],
            "described": described(job.sinks, job.source, report.frames),
            "statistics": statistics.to_json(),
        }
    save_facts(task, facts)
    return facts


def _chunk_job(task: ChunkTask, prior: PriorState | None) -> JobOptions:
    """`prior`: what the chunk before left, if that is known; no lead-in is needed then."""
    chunk, plan = task.chunk, task.plan
    lead_in = 0 if prior else chunk.lead_in
    begin, end = chunk.begin - lead_in, min(chunk.end + task.job.lookahead, plan.chunks[-1].end)
    last = plan.whole and chunk.number == len(plan.chunks) - 1  # its end is the file's, which may be cut off
    paths = {"output" if kind in MAIN else kind: task.folder / task.output(kind) for kind in task.shot.outputs}
    numbered = any(is_pattern(path) for path in paths.values())
    job = replace(task.job, **paths)
    return replace(
        job if job.target is None else for_target(job, job.target),
        target=None,
        sidecar=False,  # there is one for the whole
        start_number=first_number(task.job) + begin if numbered else None,  # frames of the lead-in have numbers too
        start=plan.seconds(begin),
        duration=None,
        frames=None if last else end - begin,
        part=Part(
            lead_in,
            plan.times[begin],
            prior,
            None if last else chunk.end - chunk.begin,
            begin,
            {what: (seconds[begin], _between(seconds, begin, end)) for what, seconds in plan.mask_seconds.items()},
        ),
    )


def _between(seconds: tuple[float, ...], begin: int, end: int) -> float | None:
    """From one to the other; None where there is nothing at the end."""
    return seconds[end] - seconds[begin] if end < len(seconds) else None


def first_number(job: JobOptions) -> int:
    """Of the first picture of the whole sequence."""
    return FIRST_NUMBER.get(job.target, 0) if job.start_number is None else job.start_number
