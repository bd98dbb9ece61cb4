"""Which files of a folder are shots, and what their results are called."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePosixPath

from .batch_masks import mask_facts, masks_of
from .batch_options import MAIN, BatchOptions
from .delivery import TARGET_SUFFIX
from .errors import InputError
from .job_options import JobOptions
from .outputs import default_output
from .picture_format import is_picture
from .source_images import IMAGE_SUFFIXES, natural_key
from .video_codecs import CONTAINERS

VIDEO_SUFFIXES = frozenset(
    {*CONTAINERS, ".3gp", ".avi", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ts", ".wmv"}
)
ONLY_VIDEO = {
    "start": 0.0, "duration": None, "frames": None, "codec": None, "crf": None,
    "deinterlace": False, "hwaccel": None, "start_number": None, "lookahead": 0,
}  # fmt: skip
"""Options that mean nothing for a photo."""
RECORDED = ("start", "duration", "frames", "codec", "crf")
"""Those that every line of the manifest has had from the first on; others only where they are used."""
LATER = (
    "deinterlace", "start_number", "bits", "alpha_mode", "linear", "sidecar", "target", "person", "controls",
    "lookahead",
)  # fmt: skip
DEFAULTS = {field.name: field.default for field in fields(JobOptions)}


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
    """`folder/name.mp4` for the composite, `folder/name.alpha.mp4` for the alpha; a sequence has its own folder."""
    target, source = options.template.target, PurePosixPath(shot.name)
    if shot.kind == "image":
        suffix = options.picture_suffix
    elif what in MAIN and target is not None:
        suffix = TARGET_SUFFIX[target]
    else:
        suffix = options.suffix or default_output(shot, what).suffix
    name = source.stem if what in MAIN else f"{source.stem}.{what}"
    if shot.kind == "video" and is_picture(suffix):
        return str(source.with_name(name) / f"{name.replace('%', '%%')}.%04d{suffix}")
    return str(source.with_name(f"{name}{suffix}"))


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


def without_masks(shots: Iterable[Shot], options: BatchOptions) -> dict[str, str]:
    """Name → problem of each shot that lacks a mask which the options ask for."""
    problems = {}
    for shot in shots:
        try:
            masks_of(shot.name, options.template)
        except InputError as error:
            problems[shot.name] = str(error)
    return problems


def job_of(shot: Shot, options: BatchOptions) -> JobOptions:
    """The job that makes a shot's results. Raises InputError when it lacks a mask."""
    paths = {"output" if kind in MAIN else kind: options.out / name for kind, name in shot.outputs.items()}
    template = options.template
    if shot.kind == "image":
        template = replace(template, **ONLY_VIDEO)
        if options.picture_suffix != ".exr":  # a photo is handed over as one
            template = replace(template, target=None)
    masks = masks_of(shot.name, template)
    return replace(template, input=shot.path, overwrite=True, **paths, **masks)


def settings_of(shot: Shot, options: BatchOptions, common: dict) -> dict:
    """Everything but the source that the results depend on, as JSON holds it; `common` is from `check_options`."""
    job = job_of(shot, options)
    used = {name: getattr(job, name) for name in LATER if getattr(job, name) != DEFAULTS[name]}
    if "controls" in used:
        used["controls"] = {name: _plain(value) for name, value in asdict(job.controls).items()}
        if not job.controls.temporal:  # lines of the manifest from before there was one stay valid
            del used["controls"]["temporal"]
    if masks := masks_of(shot.name, options.template):
        used["masks"] = mask_facts(masks)
    return {**common, **{name: getattr(job, name) for name in RECORDED}, **used, "outputs": shot.outputs}


def _plain(value):
    """As JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
