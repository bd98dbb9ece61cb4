"""Masks of a batch: which belongs to which shot, by name."""

from __future__ import annotations

from pathlib import Path

from .batch_files import digest, digest_all
from .errors import InputError

MASKS = ("trimap", "holdout", "keep")
"""Options of a job that name masks."""


def masks_of(name: str, template) -> dict[str, Path]:
    """Option → mask of the shot `name`, a path below the folder of inputs, where `template` asks for masks.

    A file is for all shots. In a folder the mask has the shot's path, or that with another extension, or it is a folder
    of pictures with the shot's path without extension. Raises InputError when there is none, or more than one.
    """
    asked = {what: Path(path) for what in MASKS if (path := getattr(template, what)) is not None}
    return {what: path if path.is_file() else _find(what, path, name) for what, path in asked.items()}


def _find(what: str, folder: Path, name: str) -> Path:
    exact = folder / name
    if exact.is_file():
        return exact
    stem = exact.with_suffix("")
    siblings = sorted(exact.parent.iterdir()) if exact.parent.is_dir() else []
    found = [path for path in siblings if path == stem or (path.is_file() and path.with_suffix("") == stem)]
    if len(found) != 1:
        problem = f"has both {found[0].name} and {found[1].name}" if found else f"has no {what}"
        raise InputError(
            f"{folder} {problem} for {name}; give one: {exact}, the same with another extension, or a folder {stem}"
        )
    return found[0]


def check_masks(template, folder: Path) -> None:
    """Raise InputError for masks that do not exist, or that would be taken for shots of `folder`."""
    for what in MASKS:
        path = getattr(template, what)
        if path is None:
            continue
        if not Path(path).exists():
            raise InputError(f"{what} {path} does not exist; check the name")
        if folder.resolve() in (Path(path).resolve(), *Path(path).resolve().parents):
            raise InputError(f"{what} {path} lies in {folder}, where it would be taken for a shot; move it elsewhere")


def mask_facts(masks: dict[str, Path]) -> dict[str, str]:
    """Option → sha256 of the mask, for the manifest. Raises InputError for one that cannot be read."""
    try:
        return {what: _digest(path) for what, path in masks.items()}
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error


def _digest(path: Path) -> str:
    if not path.is_dir():
        return digest(path)
    return digest_all(sorted(file for file in path.iterdir() if file.is_file()))
