"""The sinks of a job, from its options."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from .delivery import FIRST_NUMBER, Delivery
from .job_options import JobOptions
from .live_target import LiveTarget
from .outputs import TRANSPARENT
from .picture_format import is_pattern
from .sink import is_folder, open_live_sink, open_sink
from .threads import Threads


def open_file_sink(path: str, kind: str, options: JobOptions, source, threads: Threads, *, safe: bool):
    """The sink of a file or folder, from what was asked of the job. Raises InputError."""
    main = kind in ("composite", TRANSPARENT) or options.bg is None
    return open_sink(
        path,
        source,
        kind=kind,
        codec=options.codec if main else None,
        crf=options.crf if main else None,
        overwrite=options.overwrite,
        audio_from=source.audio_from,
        start_seconds=options.start,
        duration_seconds=options.duration,
        delivery=_delivery(options, kind, path),
        safe=safe,
        part=options.part is not None,
        threads=threads.encoder,
    )


def _delivery(options: JobOptions, kind: str, path: str) -> Delivery:
    """What was asked for, as far as it can be meant for this output: a sequence number is not for a video file."""
    numbered = is_pattern(Path(path))
    first = FIRST_NUMBER.get(options.target) if numbered and options.start_number is None else options.start_number
    return Delivery(
        bits=options.bits,
        image_format=options.image_format if not numbered and is_folder(path) else None,
        start_number=first if numbered or is_folder(path) else None,
        alpha_mode=options.alpha_mode if kind == TRANSPARENT else None,
        linear=options.linear,
    )


def open_live(target: LiveTarget, kind: str, options: JobOptions, source):
    """The sink of a live output, connected. Raises InputError."""
    return open_live_sink(
        target,
        source,
        kind=kind,
        bitrate=options.bitrate,
        stdout_format=options.stdout_format,
        overwrite=options.overwrite,
        obs_setup=options.obs_setup,
        tell=options.live.tell,
    )


def abandon(sinks: Iterable) -> list[str]:
    """End the outputs of a job that failed, and return what is kept of each. None of them can keep the others."""
    kept = []
    for sink in sinks:
        with contextlib.suppress(OSError):
            kept.append(sink.abort())
    return [what for what in kept if what]
