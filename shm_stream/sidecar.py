"""A JSON file beside each output that says what its numbers mean, for formats whose files cannot."""

from __future__ import annotations

import json
from pathlib import Path

from . import __version__, partial
from .picture_format import NUMBER, is_pattern


class Sidecars:
    """One file for each output, written when the outputs are complete."""

    def __init__(self, sinks: dict, source, *, overwrite: bool):
        """`sinks`: kind → sink with `facts()`. Raises InputError for a file that is there already."""
        self._source = source
        self._sinks = {kind: sink for kind, sink in sinks.items() if hasattr(sink, "facts")}
        for path in (sidecar_path(Path(sink.path)) for sink in self._sinks.values()):
            if path.parent.is_dir():  # else it is a folder that the pictures will make
                partial.check_target(path, source.files, overwrite=overwrite)

    def write(self, frames: int) -> None:
        """`frames`: how many each output holds. Raises ShmStreamError."""
        facts = described(self._sinks, self._source, frames)
        write_sidecars({self._sinks[kind].path: told for kind, told in facts.items()})


def described(sinks: dict, source, frames: int) -> dict[str, dict]:
    """Kind → what an output is, of the sinks that can say it."""
    return {kind: _facts(kind, sink, source, frames) for kind, sink in sinks.items() if hasattr(sink, "facts")}


def _facts(kind: str, sink, source, frames: int) -> dict:
    return {
        "file": Path(sink.path).name,
        "kind": kind,
        "source": source.path.name,
        "width": source.width,
        "height": source.height,
        "rate": str(source.rate),
        "pixel_aspect": str(source.sample_aspect_ratio),
        "frames": frames,
        **sink.facts(),
        "made_by": f"shm-stream {__version__}",
    }


def write_sidecars(facts: dict[Path, dict]) -> None:
    """Output → what it is. Raises ShmStreamError; then none is written."""
    partial.write_texts({sidecar_path(Path(path)): json.dumps(told, indent=2) + "\n" for path, told in facts.items()})


def is_described(options) -> bool:
    """Whether a job's outputs get sidecars."""
    return options.sidecar or options.target is not None


def sidecar_path(output: Path) -> Path:
    """`cut.mov.json` for `cut.mov`, `shot.exr.json` for `shot.%04d.exr`."""
    if not is_pattern(output):
        return output.with_name(f"{output.name}.json")
    head, _, tail = NUMBER.split(output.name)
    return output.with_name(f"{head.rstrip('._-')}{tail}.json".replace("%%", "%"))
