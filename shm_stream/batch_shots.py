"""Which files of a folder are shots, and what their results are called."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from .batch_options import MAIN, BatchOptions
from .errors import InputError
from .job_options import JobOptions
from .outputs import default_output
from .source_images import IMAGE_SUFFIXES, natural_key
from .video_codecs import CONTAINERS

VIDEO_SUFFIXES = frozenset(
    {*CONTAINERS, ".3gp", ".avi", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ts", ".wmv"}
)
ONLY_VIDEO = {"start": 0.0, "duration": None, "frames": None, "codec": None, "crf": None}
"""Options that mean nothing for a photo."""


@dataclass(frozen=True)
class Shot:
    """One video or photo."""

    name: str
    """Its path below the folder of inputs, with forward slashes."""
    path: Path
    kind: str
    """"video" or "image"."""
    outputs: dict[str, str]
    """Kind → path below the folder of results, with forward slashes."""

    def targets(self, out: Path) -> list[Path]:
        """Where its results belong."""
        return [out / name for name in self.outputs.values()]


def find_shots(options: BatchOptions) -> list[Shot]:
    """All videos and photos below the folder, in natural order. Hidden ones and the background are left out."""
    background = options.template.bg and Path(options.template.bg)
    paths = [path for path in _media(options.folder) if not (background and _same(path, background))]
    return sorted((_shot(path, options) for path in paths), key=lambda shot: (natural_key(shot.name), shot.name))


def _media(folder: Path) -> Iterable[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(parent, name)
            known = path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES
            if known and not name.startswith(".") and path.is_file():  # a pipe would be read for ever
                yield path


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a folder may go while its parent is read
        raise InputError(f"cannot read the folder {error.filename}: {error.strerror}") from error


def _same(path: Path, other: Path) -> bool:
    return path.name == other.name and other.exists() and os.path.samefile(path, other)


def _shot(path: Path, options: BatchOptions) -> Shot:
    name = path.relative_to(options.folder).as_posix()
    kind = "image" if path.suffix.lower() in IMAGE_SUFFIXES else "video"
    return Shot(name, path, kind, {what: _output(Shot(name, path, kind, {}), what, options) for what in options.kinds})


def _output(shot: Shot, what: str, options: BatchOptions) -> str:
    """`folder/name.mp4` for the composite, `folder/name.alpha.mp4` for the alpha."""
    given = options.image_suffix if shot.kind == "image" else options.suffix
    suffix = given or default_output(shot, what).suffix
    part = "" if what in MAIN else f".{what}"
    source = PurePosixPath(shot.name)
    return str(source.with_name(f"{source.stem}{part}{suffix}"))


def clashes(shots: Iterable[Shot], taken: dict[str, str]) -> dict[str, str]:
    """Name → problem of each shot that would overwrite results of another.

    `taken` (output → name of its shot) is kept from pass to pass: who came first stays the owner.
    """
    problems = {}
    for shot in shots:
        for output in shot.outputs.values():
            other = taken.setdefault(os.path.normcase(output), shot.name)
            if other != shot.name:
                problems[shot.name] = f"{other} and {shot.name} would both become {output}; rename one of them"
    return problems


def job_of(shot: Shot, options: BatchOptions) -> JobOptions:
    """The job that makes a shot's results."""
    paths = {"output" if kind in MAIN else kind: options.out / name for kind, name in shot.outputs.items()}
    return replace(
        options.template, input=shot.path, overwrite=True, **paths, **(ONLY_VIDEO if shot.kind == "image" else {})
    )


def settings_of(shot: Shot, options: BatchOptions, common: dict) -> dict:
    """Everything but the source that the results depend on, as JSON holds it; `common` is from `check_options`."""
    job = job_of(shot, options)
    return {**common, **{name: getattr(job, name) for name in ONLY_VIDEO}, "outputs": shot.outputs}
