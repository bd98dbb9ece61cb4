"""Whole jobs with live outputs."""

from __future__ import annotations

from stand_ins import StandInRunner

from shm_stream import job as job_module
from shm_stream import live_sink
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions

COUNT = 50
"""Frames of the usual clip: two seconds."""


def unpaced(monkeypatch) -> None:
    """As fast as possible, nothing dropped."""
    monkeypatch.setattr(job_module, "paced", iter)
    monkeypatch.setattr(live_sink, "WAITING_SECONDS", 100)


def run(clip, *outputs, runner=None, tell=lambda line: None, **options):
    """The report of a job with a StandInRunner and those live outputs; `tell` gets the lines about them."""
    options = {"bg": "red", "output": outputs or None, **options}
    with Job(JobOptions(input=clip, runner=runner or StandInRunner(), live=LiveOptions(tell=tell), **options)) as job:
        return job.run()
