"""Files of a batch: their checksums, and whether they are still what they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK_BYTES = 1 << 20


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
