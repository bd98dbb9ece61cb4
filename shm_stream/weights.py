"""Finds weight files and checks them against the manifest before anything loads them."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from .errors import WeightsError

FOLDER_VARIABLE = "SHM_STREAM_WEIGHTS"
"""Environment variable that names another folder of weights."""


def folder() -> Path:
    """The folder with manifest.json: $SHM_STREAM_WEIGHTS, the installed package's own, or the checkout's."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    package = Path(__file__).resolve().parent
    places = [Path(chosen)] if chosen else [package / "_weights", package.parent / "weights"]
    for place in places:
        if (place / "manifest.json").is_file():
            return place
    raise WeightsError(
        f"no weights: {' and '.join(str(p) for p in places)} hold no manifest.json; reinstall shm-stream"
        f" or set {FOLDER_VARIABLE} to a folder of weights"
    )


def manifest() -> dict:
    """What manifest.json says: preset name → files, checksums, licence, sources, metrics.

    Raises WeightsError, also when size and sha256 of a file are not in it: those who read it rely on them.
    """
    path = folder() / "manifest.json"
    try:
        presets = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); reinstall shm-stream") from error
    if not isinstance(presets, dict):
        raise WeightsError(f"{path} is no list of presets; reinstall shm-stream")
    for preset, facts in presets.items():
        if not _lists_files(facts):
            raise WeightsError(
                f"{path} does not list the files of '{preset}' with bytes and sha256; reinstall shm-stream"
            )
    return presets


def _lists_files(facts) -> bool:
    """Whether this is a preset's entry in a manifest."""
    files = facts.get("files") if isinstance(facts, dict) else None
    return isinstance(files, dict) and all(
        isinstance(file, dict) and isinstance(file.get("bytes"), int) and isinstance(file.get("sha256"), str)
        for file in files.values()
    )


def find(name: str, preset: str) -> Path:
    """The path of weight file `name` of a preset, after its size and sha256 were found right.

    Raises WeightsError when the preset has no weights, or when the file is missing, truncated or changed.
    """
    entries = manifest()
    if preset not in entries:
        raise WeightsError(
            f"no weights for preset '{preset}' are installed (there are: {', '.join(entries)}); "
            "train them as training/README.md describes"
        )
    path = folder() / name
    facts = entries[preset]["files"].get(name)
    if facts is None or not path.is_file():
        raise WeightsError(f"weight file {path} is missing; reinstall shm-stream")
    stat = path.stat()
    if stat.st_size != facts["bytes"]:
        raise WeightsError(
            f"weight file {path} has {stat.st_size} bytes instead of {facts['bytes']}; reinstall shm-stream"
        )
    if _sha256(path, stat.st_mtime_ns) != facts["sha256"]:
        raise WeightsError(f"weight file {path} is corrupted (its sha256 is not the manifest's); reinstall shm-stream")
    return path


@lru_cache(maxsize=16)
def _sha256(path: Path, changed_ns: int) -> str:
    """`changed_ns` makes a changed file a different key."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
