"""A folder of shots made into a folder of results, which a later run goes on with where this one was stopped."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from .batch_chunked import ChunkedShot
from .batch_manifest import FAILED, NAME, SKIPPED, Manifest
from .batch_options import (
    BatchOptions,
    check_folders,
    check_options,
    check_untouched,
    make_folder,
    needed_files,
    with_absolute_paths,
)
from .batch_pool import Pool
from .batch_shots import Shot, clashes, find_shots, job_of, settings_of, without_masks
from .batch_watch import Looks
from .batch_worker import Task, record
from .chunk_files import ChunkTask
from .errors import InputError
from .memory_plan import share_of_process
from .partial import sweep, write_texts
from .qc_report import NAME as PAGE_NAME
from .qc_report import write_report
from .threads import usable_cores

REPORT_COLUMNS = ("source", "status", "frames", "seconds", "bytes", "outputs", "reason")
WATCH_SECONDS = 3.0
"""Between two looks into the folder. A file that differs in them is still being copied."""


class Batch:
    """Everything checked, nothing made yet. Use as a context manager; `run` once."""

    def __init__(self, options: BatchOptions):
        """Raises InputError for whatever cannot be used."""
        if options.cluster is not None:
            options = with_absolute_paths(options)
        self.options = options
        self.results: dict[str, dict] = {}
        """The newest record of each shot, by name."""
        self._taken: dict[str, str] = {}
        self._chunked: dict[str, ChunkedShot] = {}
        check_folders(options.folder, options.out)
        self._common = check_options(options)
        self.first = self._first_shots()
        if not options.overwrite and not (options.out / NAME).exists():
            names = [name for shot in self.first for name in shot.outputs.values()]
            check_untouched(options.out, [*names, PAGE_NAME])
        options = self.options = _with_shares(options)
        make_folder(options.out)
        with contextlib.ExitStack() as opened:
            self._manifest = opened.enter_context(Manifest(options.out))
            self._pool = opened.enter_context(_open_pool(options))
            self._closing = opened.pop_all()

    def _first_shots(self) -> list[Shot]:
        shots = find_shots(self.options)
        for problem in self._problems(shots).values():
            raise InputError(problem)
        if not shots and not self.options.watch:
            raise InputError(f"no videos or photos in {self.options.folder}")
        return shots

    def _problems(self, shots: list[Shot]) -> dict[str, str]:
        return without_masks(shots, self.options) | clashes(shots, self._taken)

    def run(self, progress) -> None:
        """Make what is missing. `progress` is one of batch_progress. Ends by KeyboardInterrupt when watching."""
        sweep(target for shot in self.first for target in shot.targets(self.options.out))
        if self.options.watch:
            self._watch(progress)
        else:
            self._make(self.first, progress)

    def _watch(self, progress) -> None:
        looks, shots = Looks(WATCH_SECONDS), self.first
        while True:
            ready = looks.ready(shots)
            if ready:
                self._make(ready, progress)
                self.write_report()
            time.sleep(WATCH_SECONDS)
            shots = find_shots(self.options)

    def _make(self, shots: list[Shot], progress) -> None:
        """One pass. Shots that came later and would overwrite results of others fail."""
        problems = self._problems(shots)
        progress.add(len(shots))
        for shot in shots:
            if shot.name in problems:
                self._end(self._refused(shot, problems[shot.name]), progress)
        tasks = [self._task(shot) for shot in shots if shot.name not in problems]
        self._pool.run(tasks, lambda task, what, value: self._hear(task, what, value, progress))

    def _task(self, shot: Shot) -> Task:
        settings = settings_of(shot, self.options, self._common)
        options, previous = self.options, self._manifest.latest.get(shot.name)
        return Task(shot, job_of(shot, options), settings, options.out, previous, options.chunk)

    def _refused(self, shot: Shot, reason: str) -> dict:
        return record(shot, None, {**self._common, "outputs": shot.outputs}, status=FAILED, reason=reason)

    def _hear(self, task: Task | ChunkTask, what: str, value, progress) -> list[ChunkTask]:
        """Take note of a message, and return what is to be done next."""
        name = task.shot.name
        if what == "opened":
            progress.opened(name, value)
        elif what == "frames":
            progress.frames(name, self._chunked[name].count(task, value) if name in self._chunked else value)
        elif what == "chunks":
            progress.opened(name, len(value[1].times))
            self._chunked[name] = ChunkedShot(task, *value)
            return self._chunked[name].tasks()
        elif what == "result" and name in self._chunked:
            return self._hear_of_chunk(task, value, progress)
        elif what == "result":
            self._end(value, progress)
        return []

    def _hear_of_chunk(self, task: ChunkTask, value: dict, progress) -> list[ChunkTask]:
        following, result = self._chunked[task.shot.name].ended(task, value)
        if result is not None:
            del self._chunked[task.shot.name]
            self._end(result, progress)
        return following

    def _end(self, result: dict, progress) -> None:
        if result["status"] != SKIPPED:
            self._manifest.append(result)
        self.results[result["source"]] = result
        progress.ended(result)

    def write_report(self) -> None:
        """Write OUT/report.html, and the report that was asked for. Raises ShmStreamError."""
        options, results = self.options, [result for _, result in sorted(self.results.items())]
        for path in {options.out / PAGE_NAME, options.report or options.out / PAGE_NAME}:
            if path.suffix == ".csv":
                write_texts({path: report_text(results)})
            else:
                write_report(path, options.out, results)

    def close(self) -> None:
        """End the workers, delete what they had not finished, close the manifest."""
        self._closing.close()

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def _with_shares(options: BatchOptions) -> BatchOptions:
    """What all processes together may take, divided among them; those of a cluster have it each. Raises InputError."""
    if options.cluster is not None:
        return options
    template, limit = options.template, options.template.max_memory
    memory = None if limit is None else share_of_process(limit, options.jobs)
    each = max(1, usable_cores(template.cores) // options.jobs)
    return replace(options, template=replace(template, cores=each, max_memory=memory))


def _open_pool(options: BatchOptions):
    """Who makes the shots. Raises InputError."""
    if options.cluster is None:
        return Pool(options.jobs, options.timeout)
    from .batch_cluster import ClusterPool  # a large package, only for those who ask for it

    files = map(Path, needed_files(options.template).values())
    return ClusterPool(options.cluster, [options.folder, options.out, *files])


def report_text(results: Iterable[dict]) -> str:
    """A table with a row for each shot, for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(REPORT_COLUMNS)
    for result in results:
        outputs = result["outputs"]
        facts = {
            **result,
            "bytes": sum(output["bytes"] for output in outputs),
            "outputs": " ".join(output["path"] for output in outputs),
        }
        writer.writerow([facts.get(column) for column in REPORT_COLUMNS])
    return text.getvalue()
