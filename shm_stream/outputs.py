"""Which files a job writes: names, and which of them carry what."""

from __future__ import annotations

import os
from pathlib import Path

from .delivery import TARGET_SUFFIX
from .errors import InputError
from .live_target import HLS_SUFFIX, LiveTarget, live_target, split_outputs
from .obs_setup import check_address
from .picture_format import is_pattern
from .sink import WITH_AUDIO, is_folder
from .video_codecs import CONTAINERS

TRANSPARENT = "transparent"
CAMERA = "camera"
SOUND = "-o VIDEO, a server, a playlist or a pipe; OBS and viewers of a virtual camera take the microphone themselves"


def plan_outputs(source, options, bg: str | None) -> dict[str, str]:
    """Kind → path of every file or folder asked for by a job's `options`; `bg` is what `--bg` said.

    Raises InputError when there is nothing to write, or when two outputs or an output and `bg` are one file.
    """
    output, live = split_outputs(options.output)
    transparent = bg == TRANSPARENT and not Path(bg).is_file()
    _check_live(options, output, live, bg, transparent)
    watched = options.vcam or live or options.obs is not None or (options.panel and source.live)
    if bg is None and (output is not None or live):
        output = live[0].name if output is None else output
        raise InputError(f"output {output} needs a background: give --bg BACKGROUND")
    if bg is None and options.alpha is None and options.foreground is None and options.obs is None:
        raise InputError("nothing to write: give --bg BACKGROUND (or --alpha/--foreground PATH)")
    if options.vcam and (bg is None or transparent):
        raise InputError("a virtual camera shows opaque pictures: give a --bg BACKGROUND other than transparent")
    if options.panel and (bg is None or transparent):
        raise InputError("the control page shows composites: give a --bg BACKGROUND other than transparent")
    planned = {}
    if bg is not None and (output is not None or not watched):
        kind = TRANSPARENT if transparent else "composite"
        planned[kind] = os.fspath(default_output(source, kind, options.target) if output is None else output)
    for kind, path in (("alpha", options.alpha), ("foreground", options.foreground)):
        if path is not None:
            if live_target(os.fspath(path)) is not None:
                raise InputError(f"{kind} goes to a file or a folder, not to {path}; live outputs are given with -o")
            planned[kind] = os.fspath(path)
    if options.live.microphone is not None and not live and not {*WITH_AUDIO} & {*planned}:
        raise InputError(f"--microphone needs an output that carries sound: {SOUND}")
    _check_distinct(planned, bg)
    _check_numbering(planned, options)
    return planned


def plan_live(options, bg: str | None) -> dict[LiveTarget, str]:
    """Live target → which picture of the engine it shows, for `options` that `plan_outputs` has found good."""
    _, live = split_outputs(options.output)
    transparent = bg == TRANSPARENT and not Path(bg).is_file()
    planned = {target: TRANSPARENT if transparent else "composite" for target in live}
    if options.obs is not None:
        planned[LiveTarget("obs", str(options.obs))] = TRANSPARENT
    return planned


def _check_live(options, file, live: list[LiveTarget], bg: str | None, transparent: bool) -> None:
    encoded = [target for target in live if target.protocol != "stdout"]
    files = [name for name in (file, options.alpha, options.foreground) if name is not None]
    if live and not files and (options.codec is not None or options.crf is not None):
        raise InputError("--codec and --crf are for files; pushes and playlists are H.264, see --bitrate")
    if options.obs is not None and bg is not None and not transparent and not (live or file or options.vcam):
        raise InputError("--obs sends people without a background: leave out --bg, or say with -o where it goes")
    if transparent and encoded:
        raise InputError(
            f"{encoded[0].name} shows opaque pictures: give a --bg BACKGROUND other than transparent "
            f"(alpha goes live with --obs, or with -o -)"
        )
    if options.bitrate is not None and not encoded:
        raise InputError(f"--bitrate is for pushes and {HLS_SUFFIX}; files take --crf")
    if options.obs is not None and not 1 <= options.obs <= 65535:
        raise InputError(f"port {options.obs} is out of range; give 1024 to 65535")
    if options.obs_setup is not None:
        check_address(options.obs_setup)
        if options.obs is None:
            raise InputError("--obs-setup is about the source that shows --obs: give that too")


def default_output(source, kind: str, target: str | None = None) -> Path:
    """`<name>_composite` beside the input: the same kind of file where that can hold the result.

    For a target (`delivery.TARGETS`): `<name>_<target>` with its extension, for Nuke `<name>_nuke/<name>.%04d.exr`.
    """
    path = source.path.absolute() if source.path.name in ("", "..") else source.path
    if target is not None:
        return _target_output(path, source.kind, target)
    if source.kind == "folder":
        return path.with_name(f"{path.resolve().name}_composite")
    suffix = path.suffix.lower()
    if source.kind == "image":
        suffix = ".png"
    elif kind == TRANSPARENT:
        suffix = ".mov"
    elif suffix not in CONTAINERS or suffix == ".avi":  # AVI would be lossless and huge
        suffix = ".mp4"
    return path.with_name(f"{path.stem}_composite{suffix}")


def _target_output(path: Path, source_kind: str, target: str) -> Path:
    suffix, stem = TARGET_SUFFIX[target], path.resolve().name if source_kind == "folder" else path.stem
    if suffix != ".exr" or source_kind == "image":
        return path.with_name(f"{stem}_{target}{suffix}")
    return path.with_name(f"{stem}_{target}") / f"{stem.replace('%', '%%')}.%04d{suffix}"


def _check_numbering(planned: dict[str, str], options) -> None:
    folders = [path for path in planned.values() if is_folder(path)]
    if options.image_format is not None and not folders:
        raise InputError("--image-format is for folders: end an output's name with /, or give it the extension instead")
    if options.start_number is not None and not folders and not any(is_pattern(Path(p)) for p in planned.values()):
        raise InputError("--start-number is for sequences: give an output a name such as shot.%04d.png, or a folder")


def _check_distinct(planned: dict[str, str], bg: str | None) -> None:
    taken = {Path(bg).resolve(): "the background"} if bg is not None and Path(bg).is_file() else {}
    for kind, path in planned.items():
        other = taken.setdefault(Path(path).resolve(), kind)
        if other is not kind:
            raise InputError(f"{path} is asked for twice ({other} and {kind}); give each output its own name")
