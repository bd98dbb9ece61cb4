"""Which files a job writes: names, and which of them carry what."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError
from .video_codecs import CONTAINERS

TRANSPARENT = "transparent"


def plan_outputs(source, *, output, bg, alpha, foreground) -> dict[str, str]:
    """Kind → path of every output asked for. `output` and `bg` make the composite (or the transparent picture).

    Raises InputError when there is nothing to write, or when two outputs or an output and `bg` are one file.
    """
    if bg is None and output is not None:
        raise InputError(f"output {output} needs a background: give --bg BACKGROUND")
    if bg is None and alpha is None and foreground is None:
        raise InputError("nothing to write: give --bg BACKGROUND (or --alpha/--foreground PATH)")
    planned = {}
    if bg is not None:
        kind = TRANSPARENT if bg == TRANSPARENT and not Path(bg).is_file() else "composite"
        planned[kind] = os.fspath(output) if output is not None else os.fspath(default_output(source, kind))
    for kind, path in (("alpha", alpha), ("foreground", foreground)):
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
