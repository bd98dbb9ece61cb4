"""What a batch is asked to do, checked as far as that is possible without opening a shot."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from . import __version__, native, weights
from .background import open_background
from .batch_files import digest, files_of
from .batch_masks import MASKS, check_masks
from .colour import ColourTags, default_matrix
from .delivery import TARGET_SUFFIX, Delivery, check_delivery, for_target
from .device import choose_device
from .engine import check_tnet_size
from .errors import InputError
from .fine_images import check_packages
from .guides import check_person
from .job_options import JobOptions
from .lookahead import check_lookahead
from .outputs import TRANSPARENT
from .partial import check_folder
from .picture_format import check_suffix, is_picture
from .preset import get_preset
from .runners import default_runner
from .video_codecs import choose_encoding

MAIN = ("composite", TRANSPARENT)
"""The output that has the plain name; there is at most one of them."""
TRIAL_SIZE = (64, 64)
"""Width and height of the picture that encoders are tried out for."""


@dataclass(frozen=True)
class BatchOptions:
    """A folder in, a folder out, and what every shot has in common."""

    folder: Path
    out: Path
    template: JobOptions
    """The options of every shot's job; its paths are not used."""
    alpha: bool = False
    foreground: bool = False
    suffix: str | None = None
    """Extension of videos, or of the pictures they become; None: that of the input where it can hold the result."""
    image_suffix: str | None = None
    """Of photos; None: that of the target, or .png."""
    jobs: int = 1
    chunk: float | None = None
    """About how many seconds of a long video are made at a time, apart from the others."""
    timeout: float | None = None
    """Seconds that a shot, or a chunk of one, may take."""
    cluster: str | None = None
    """A Dask scheduler whose workers make the shots: its address, or its scheduler file."""
    watch: bool = False
    report: Path | None = None
    """A table (.csv) or a page (.html) of all shots, beside OUT/report.html."""
    overwrite: bool = False
    """Whether files that no batch made may be replaced."""

    @property
    def picture_suffix(self) -> str:
        """Extension of photos."""
        return self.image_suffix or (".exr" if self.template.target == "nuke" else ".png")

    @property
    def kinds(self) -> list[str]:
        """Which outputs each shot gets: composite or transparent, alpha, foreground."""
        bg, kinds = self.template.bg, []
        if bg is not None:
            kinds.append(TRANSPARENT if bg == TRANSPARENT and not Path(bg).is_file() else "composite")
        return kinds + [kind for kind in ("alpha", "foreground") if getattr(self, kind)]


def check_options(options: BatchOptions) -> dict:
    """Raise InputError for what no shot could be made with; else what all results depend on, for the manifest."""
    template = options.template
    preset = get_preset(template.preset)
    check_tnet_size(template.tnet_size)
    check_lookahead(template.lookahead)
    if not options.kinds:
        raise InputError("nothing to write: give --bg BACKGROUND (or --alpha/--foreground)")
    for name, seconds in (("duration", template.duration), ("timeout", options.timeout), ("chunk", options.chunk)):
        if seconds is not None and seconds <= 0:
            raise InputError(f"{name} {seconds} is not usable; give more than 0 seconds")
    _check_delivery(options)
    if options.cluster is not None and options.jobs != 1:
        raise InputError("--jobs is for processes of this machine; a --cluster has as many as it has workers")
    if options.cluster is not None and options.timeout is not None:
        raise InputError("--timeout ends a process, which --cluster cannot; leave one of them out")
    check_person(template.person)
    check_masks(template, options.folder)
    _check_outputs(options)
    if options.report:
        _check_report(options.report, options.out)
    native.path_name()  # a missing extension is said now, not once for each shot
    device = choose_device(template.device, template.runner).partition(":")[0]
    return {
        "version": __version__,
        "preset": preset.name,
        "weights": _weights(preset.name),
        "runner": template.runner or default_runner(device, preset.name),
        "device": device,
        "tnet_size": template.tnet_size or preset.tnet_size,
        "dense": template.dense,
        **_background(template.bg),
    }


def _check_delivery(options: BatchOptions) -> None:
    template = options.template
    check_delivery(Delivery(template.bits, None, template.start_number, template.alpha_mode, template.linear))
    if template.image_format is not None:
        raise InputError("--image-format is for folders of pictures, which a batch does not write; see --image-suffix")
    if template.start_number is not None and template.target != "nuke" and not is_picture(options.suffix or ""):
        raise InputError("--start-number is for sequences: give it with --for nuke, or with --suffix .png or such")
    if template.alpha_mode is not None and TRANSPARENT not in options.kinds:
        raise InputError("--alpha-mode is about colours beside alpha: give --bg transparent with it")


def _check_outputs(options: BatchOptions) -> None:
    """Try out the encoders and extensions that are known before any input is."""
    template = options.template
    if template.target is not None:
        template = _template_for(options)
    tags = ColourTags(default_matrix(TRIAL_SIZE[1]), primaries=1, transfer=1)
    for kind in options.kinds:
        main = kind in MAIN or template.bg is None  # as in a job
        suffix = options.suffix or (".mov" if kind == TRANSPARENT else ".mp4")
        if main and template.target is not None:
            suffix = TARGET_SUFFIX[template.target]
        codec, crf = (template.codec, template.crf) if main else (None, None)
        if is_picture(suffix):
            _check_sequence(suffix, kind, codec, crf, template.bits)
        else:
            choose_encoding(Path(f"shot{suffix}"), kind, TRIAL_SIZE, tags, codec, crf)
        check_suffix(Path(f"shot{options.picture_suffix}"), kind)


def _check_sequence(suffix: str, kind: str, codec: str | None, crf: int | None, bits: int | None) -> None:
    check_suffix(Path(f"shot{suffix}"), kind)
    if codec is not None or crf is not None:
        raise InputError(f"codec and crf are for videos; leave them out with --suffix {suffix}")
    if suffix.lower() == ".exr" or (bits or 8) > 8:
        check_packages(suffix.lower())


def _template_for(options: BatchOptions) -> JobOptions:
    """What a target makes of the template. Raises InputError where they contradict each other."""
    target = options.template.target
    if options.suffix is not None:
        raise InputError(f"--for {target} says which files there are; leave out --suffix")
    if options.kinds[0] != TRANSPARENT:
        raise InputError(f"--for {target} is about alpha: leave out --bg, or give --bg transparent")
    return for_target(options.template, target)


def _check_report(path: Path, out: Path) -> None:
    if path.suffix not in (".csv", ".html"):
        raise InputError(f"report {path} must end with .csv or .html; give --report after IN and OUT")
    if path.parent.resolve() != out.resolve():  # that one will be made
        check_folder(path.parent)


def _weights(preset: str) -> dict[str, str]:
    """File name → sha256, each file found right. Raises WeightsError."""
    files = weights.manifest().get(preset, {}).get("files", {})
    for name in files or ["any"]:  # a preset without weights is refused by `find` in its own words
        weights.find(name, preset)
    return {name: facts["sha256"] for name, facts in files.items()}


def _background(bg: str | None) -> dict:
    """A background's name, and the sha256 of a file. Raises InputError."""
    if bg is None:
        return {"bg": None, "bg_sha256": None}
    open_background(bg, *TRIAL_SIZE).close()
    is_file = Path(bg).is_file()
    return {"bg": Path(bg).name if is_file else bg, "bg_sha256": digest(Path(bg)) if is_file else None}


def with_absolute_paths(options: BatchOptions) -> BatchOptions:
    """For workers that were started in other folders."""
    files = {name: Path(path).absolute() for name, path in needed_files(options.template).items()}
    if "bg" in files:
        files["bg"] = str(files["bg"])
    template = replace(options.template, **files)
    return replace(options, folder=options.folder.absolute(), out=options.out.absolute(), template=template)


def needed_files(template: JobOptions) -> dict[str, str | Path]:
    """Option → file or folder that shots need besides themselves."""
    given = {name: getattr(template, name) for name in ("bg", *MASKS)}
    return {name: path for name, path in given.items() if path is not None and (name != "bg" or Path(path).is_file())}


def check_folders(folder: Path, out: Path) -> None:
    """Raise InputError unless `folder` can be read and neither lies in the other."""
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {problem}; give the folder with the videos and photos")
    inside, outside = folder.resolve(), out.resolve()
    if inside == outside:
        raise InputError(f"{folder} and {out} are the same folder; give another one for the results")
    for inner, outer in ((inside, outside), (outside, inside)):
        if outer in inner.parents:  # results would be taken for inputs, or overwrite them
            raise InputError(f"{inner} lies in {outer}; inputs and results need folders apart from each other")


def make_folder(out: Path) -> None:
    """Make the folder for results. Raises InputError when it cannot be made or written to."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {out}: {error.strerror}") from error
    check_folder(out)


def check_untouched(out: Path, names: Iterable[str]) -> None:
    """Raise InputError if a result would replace a file that no batch made."""
    for name in names:
        for path in files_of(out, name):
            if os.path.lexists(path):
                raise InputError(f"{path} exists and no batch made it; add -y to overwrite such files")
