"""Which files a job writes: names, and which of them carry what."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError
from .video_codecs import CONTAINERS

TRANSPARENT = "transparent"
CAMERA = "camera"


def plan_outputs(source, options, bg: str | None) -> dict[str, str]:
    """Kind → path of every file or folder asked for by a job's `options`; `bg` is what `--bg` said.

    Raises InputError when there is nothing to write, or when two outputs or an output and `bg` are one file.
    """
    output, vcam = options.output, options.vcam
    shown = vcam or (options.panel and source.live)
    if bg is None and output is not None:
        raise InputError(f"output {output} needs a background: give --bg BACKGROUND")
    if bg is None and options.alpha is None and options.foreground is None:
        raise InputError("nothing to write: give --bg BACKGROUND (or --alpha/--foreground PATH)")
    transparent = bg == TRANSPARENT and not Path(bg).is_file()
    if vcam and (bg is None or transparent):
        raise InputError("a virtual camera shows opaque pictures: give a --bg BACKGROUND other than transparent")
    if options.panel and (bg is None or transparent):
        raise InputError("the control page shows composites: give a --bg BACKGROUND other than transparent")
    planned = {}
    if bg is not None and (output is not None or not shown):
        kind = TRANSPARENT if transparent else "composite"
        planned[kind] = os.fspath(output) if output is not None else os.fspath(default_output(source, kind))
    for kind, path in (("alpha", options.alpha), ("foreground", options.foreground)):
        if path is not None:
            planned[kind] = os.fspath(path)
    _check_distinct(planned, bg)
    return planned


def default_output(source, kind: str) -> Path:
    """`<name>_composite` beside the input: the same kind of file where that can hold the result."""
    path = source.path.absolute() if source.path.name in ("", "..") else source.path
    if source.kind == "folder":
        return path.with_name(f"{path.resolve().name}_composite")
    suffix = path.suffix.lower()
    if source.kind == "image":
        suffix = ".png"
    elif kind == TRANSPARENT:
        suffix = ".mov"
    elif suffix not in CONTAINERS:
        suffix = ".mp4"
    return path.with_name(f"{path.stem}_composite{suffix}")


def _check_distinct(planned: dict[str, str], bg: str | None) -> None:
    taken = {Path(bg).resolve(): "the background"} if bg is not None and Path(bg).is_file() else {}
    for kind, path in planned.items():
        other = taken.setdefault(Path(path).resolve(), kind)
        if other is not kind:
            raise InputError(f"{path} is asked for twice ({other} and {kind}); give each output its own name")
