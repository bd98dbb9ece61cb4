"""The quality report of a single job."""

from __future__ import annotations

import datetime
from dataclasses import fields
from pathlib import Path

from .batch_files import digest, measure
from .batch_manifest import DONE, PARTIAL
from .errors import InputError
from .job_options import JobOptions
from .job_report import Report
from .partial import check_target, write_texts
from .qc_card import Card
from .qc_report import render
from .qc_statistics import ShotStatistics

UNTOLD = ("part", "live")
"""Options that say nothing about the result."""


def open_job_report(path: str | None, *, overwrite: bool) -> JobReport | NoReport:
    """Has `statistics` for the job, and `write(options, report)` for when it is done. Raises InputError."""
    if path is None:
        return NoReport()
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"report {path} must end with .html")
    check_target(Path(path), [], overwrite=overwrite)
    return JobReport(Path(path))


class NoReport:
    """Nothing was asked for."""

    statistics = None

    def write(self, options: JobOptions, report: Report) -> None:
        """Nothing."""


class JobReport:
    """A page with one shot on it."""

    def __init__(self, path: Path):
        self.statistics = ShotStatistics()
        self._path = path

    def write(self, options: JobOptions, report: Report) -> None:
        """Raises ShmStreamError."""
        card = Card(job_record(options, report), self.statistics)
        write_texts({self._path: render(Path(options.input).name, [card])})


def job_record(options: JobOptions, report: Report) -> dict:
    """A job as a record of a batch; `settings` has what was asked for."""
    source = Path(options.input)
    files = {kind: Path(path) for kind, path in report.outputs.items() if Path(path).is_file()}
    usual = JobOptions(options.input)
    asked = {each.name: getattr(options, each.name) for each in fields(options) if each.name not in UNTOLD}
    asked = {name: str(value) for name, value in asked.items() if name == "input" or value != getattr(usual, name)}
    return {
        "source": source.name,
        "status": PARTIAL if report.input_warning or report.interrupted else DONE,
        "reason": report.input_warning or (f"interrupted after {report.frames} frames" if report.interrupted else None),
        "ended": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "sha256": digest(source) if source.is_file() else None,
        "frames": report.frames,
        "seconds": round(report.seconds, 3),
        "warnings": report.warnings,
        "outputs": [{"kind": kind, **measure(path.parent, path.name)} for kind, path in files.items()],
        "settings": {**asked, "device": report.device, "runner": report.runner, "kernel": report.kernel},
    }
