"""Files of a batch: their checksums, and whether they are still what they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .picture_format import is_pattern, numbered

CHUNK_BYTES = 1 << 20


def digest(path: Path) -> str:
    """sha256 of a file of any size, in hex. Raises OSError."""
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            result.update(chunk)
    return result.hexdigest()


def digest_all(paths: list[Path]) -> str:
    """sha256 of what `sha256sum` says of files, in hex. Raises OSError."""
    lines = "".join(f"{digest(path)}  {path.name}\n" for path in paths)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def state(path: Path) -> tuple[int, int] | None:
    """Size and time of change in ns, which tell that a file was written to; None when it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def files_of(out: Path, name: str) -> list[Path]:
    """The file of a result, or those there are of a numbered sequence such as `a/shot.%04d.exr`."""
    path = out / name
    return list(numbered(path).values()) if is_pattern(path) else [path]


def measure(out: Path, name: str) -> dict:
    """`path` (below `out`), `bytes` and `sha256` of a result; of a sequence also `files`, how many there are, and the
    sha256 of `sha256sum`'s lines about them. Raises OSError."""
    paths = files_of(out, name)
    size = sum(path.stat().st_size for path in paths)
    if not is_pattern(out / name):
        return {"path": name, "bytes": size, "sha256": digest(paths[0])}
    return {"path": name, "files": len(paths), "bytes": size, "sha256": digest_all(paths)}


def is_intact(out: Path, facts: dict) -> bool:
    """Whether a result is still what `measure` found."""
    try:
        sizes = [path.stat().st_size for path in files_of(out, facts["path"])]
        found = measure(out, facts["path"]) if sum(sizes) == facts["bytes"] else {}
        return bool(found) and all(facts.get(name) == value for name, value in found.items())
    except (OSError, KeyError, TypeError):
        return False
