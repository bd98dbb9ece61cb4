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
        self._paths = {kind: sidecar_path(Path(sink.path)) for kind, sink in self._sinks.items()}
        for path in self._paths.values():
            if path.parent.is_dir():  # else it is a folder that the pictures will make
                partial.check_target(path, source.files, overwrite=overwrite)

    def write(self, frames: int) -> None:
        """`frames`: how many each output holds. Raises ShmStreamError."""
        facts = {kind: self._facts(kind, sink, frames) for kind, sink in self._sinks.items()}
        partial.write_texts({self._paths[kind]: json.dumps(told, indent=2) + "\n" for kind, told in facts.items()})

    def _facts(self, kind: str, sink, frames: int) -> dict:
        source = self._source
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


def sidecar_path(output: Path) -> Path:
    """`cut.mov.json` for `cut.mov`, `shot.exr.json` for `shot.%04d.exr`."""
    if not is_pattern(output):
        return output.with_name(f"{output.name}.json")
    head, _, tail = NUMBER.split(output.name)
    return output.with_name(f"{head.rstrip('._-')}{tail}.json".replace("%%", "%"))
