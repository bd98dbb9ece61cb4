"""Outputs appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import InputError, ShmStreamError

STEM_CHARACTERS = 100
"""A long name is cut, so that the additions fit."""
PARTIAL = re.compile(r"\.(?P<stem>.*)\.[0-9a-f]{8}\.partial(?P<suffix>\.[^.]*)", re.DOTALL)
"""What `partial_path` makes of a name."""


def partial_path(target: Path) -> Path:
    """A hidden name beside `target` that nothing else uses, with the same extension."""
    return target.with_name(f".{target.stem[:STEM_CHARACTERS]}.{secrets.token_hex(4)}.partial{target.suffix}")


def commit(partial: Path, target: Path) -> None:
    """Give a finished file its name, in one step, over what may have been there. Raises OSError."""
    os.replace(partial, target)


def discard(partial: Path) -> None:
    """Delete an unfinished file, if there is one. One that cannot go does no harm."""
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Delete a finished file whose place is taken by others. Raises ShmStreamError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ShmStreamError(f"cannot delete {path}, which is of an earlier run: {error.strerror}") from error


def sweep(targets: Iterable[Path]) -> None:
    """Delete what a killed process left unfinished beside these files."""
    for path in unfinished(targets):
        discard(path)


def unfinished(targets: Iterable[Path]) -> list[Path]:
    """What is being written under temporary names beside these files, or was by a process that was killed."""
    wanted: dict[Path, list] = {}
    for target in targets:
        wanted.setdefault(target.parent, []).append(_name_of(target))
    found = []
    for folder, names in wanted.items():
        for path in _listing(folder):
            match = PARTIAL.fullmatch(path.name)
            if match and any(name.fullmatch(match["stem"] + match["suffix"]) for name in names):
                found.append(path)
    return found


def left_before(targets: Iterable[Path]) -> str | None:
    """A line about what is `unfinished` before a job begins. Another one may be writing it, and a recording that was
    killed is worth keeping: whose it is, and what becomes of it, only the user knows."""
    found = unfinished(targets)
    if not found:
        return None
    names = ", ".join(map(str, found[:3])) + (", ..." if len(found) > 3 else "")
    return f"a run that was killed, or one that still runs, has left unfinished: {names}"


def _name_of(target: Path) -> re.Pattern:
    """What a partial file's stem and suffix are, also for the pictures of a numbered sequence."""
    stem = re.escape(target.stem[:STEM_CHARACTERS])
    return re.compile(re.sub(r"%(?:0[1-9])?d", "[0-9]+", stem) + re.escape(target.suffix))


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def write_texts(texts: dict[Path, str]) -> None:
    """Write text files; none gets its name before all are complete. Raises ShmStreamError; no unfinished file stays."""
    partials = {target: partial_path(target) for target in texts}
    try:
        for target, text in texts.items():
            # file names that are not UTF-8 reach us as lone surrogates
            partials[target].write_bytes(text.encode("utf-8", "backslashreplace"))
        for target, partial in partials.items():
            commit(partial, target)
    except OSError as error:
        raise ShmStreamError(f"cannot write {', '.join(map(str, texts))}: {error.strerror or error}") from error
    finally:
        for partial in partials.values():
            discard(partial)


def check_target(target: Path, inputs: list[Path], *, overwrite: bool) -> None:
    """Raise InputError if `target` must not or cannot be written; nothing is left behind."""
    check_folder(target.parent)
    if target.is_dir():
        raise InputError(f"{target} is a folder; give the name of a file")
    for path in inputs:
        if target.exists() and path.exists() and os.path.samefile(target, path):
            raise InputError(f"{target} is the input itself; choose another output name")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; add -y to overwrite it")


def check_results(options, *names: str) -> None:
    """Raise InputError if a file that one of these `options` names, if it has that option, cannot be written.

    For what is measured or drawn for a while before: an older file is overwritten.
    """
    for name in names:
        target = getattr(options, name, None)
        if target is not None:
            check_target(target, [], overwrite=True)


def check_folder(folder: Path) -> None:
    """Raise InputError unless files can be made in `folder`."""
    if not folder.is_dir():
        raise InputError(f"the output folder {folder} does not exist; create it first")
    try:
        # permissions do not tell everything: root passes them all, and a file system may be read-only
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"the output folder {folder} is not writable ({reason}); choose another one") from error
