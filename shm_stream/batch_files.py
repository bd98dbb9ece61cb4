"""Files of a batch: their checksums, and what a killed run left of them."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from .partial import discard

CHUNK_BYTES = 1 << 20
PARTIAL = re.compile(r"\.(?P<stem>.*)\.[0-9a-f]{8}\.partial(?P<suffix>\.[^.]*)", re.DOTALL)
"""What `partial.partial_path` makes of a name."""


def digest(path: Path) -> str:
    """sha256 of a file of any size, in hex. Raises OSError."""
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            result.update(chunk)
    return result.hexdigest()


def state(path: Path) -> tuple[int, int] | None:
    """Size and time of change in ns, which tell that a file was written to; None when it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def measure(out: Path, name: str) -> dict:
    """`path` (below `out`), `bytes` and `sha256` of a result. Raises OSError."""
    path = out / name
    return {"path": name, "bytes": path.stat().st_size, "sha256": digest(path)}


def is_intact(out: Path, facts: dict) -> bool:
    """Whether a result is still what `measure` found."""
    try:
        path = out / facts["path"]
        return path.stat().st_size == facts["bytes"] and digest(path) == facts["sha256"]
    except (OSError, KeyError, TypeError):
        return False


def sweep(targets: Iterable[Path]) -> None:
    """Delete what a killed process left unfinished beside these files."""
    wanted: dict[Path, set] = {}
    for target in targets:
        wanted.setdefault(target.parent, set()).add((target.stem[:100], target.suffix))
    for folder, names in wanted.items():
        for path in _listing(folder):
            match = PARTIAL.fullmatch(path.name)
            if match and (match["stem"], match["suffix"]) in names:
                with contextlib.suppress(OSError):  # a leftover that cannot go does no harm
                    discard(path)


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
