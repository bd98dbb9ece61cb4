"""Where results go: a video file, one image, or a folder of images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from . import partial
from .errors import InputError, ShmStreamError
from .live_target import LiveTarget
from .sink_images import SETTINGS as IMAGE_SETTINGS
from .sink_images import FolderSink, ImageSink, check_suffix
from .sink_video import VideoSink
from .video_codecs import CONTAINERS, container_of

Sink = VideoSink | ImageSink | FolderSink
KINDS = ("composite", "alpha", "foreground", "transparent")
WITH_AUDIO = ("composite", "transparent")


def open_sink(
    path: str | os.PathLike,
    source,
    *,
    kind: str,
    codec: str | None = None,
    crf: int | None = None,
    overwrite: bool = False,
    audio_from: str | os.PathLike | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
    safe: bool = False,
) -> Sink:
    """Check everything that can be checked without a frame, and return a sink; no file is made before `write`.

    `kind` says what `write(frame, pixels)` gets: [H, W, 3] uint8 RGB ("composite", "foreground"), [H, W] uint8
    ("alpha") or [H, W, 4] uint8 straight RGBA ("transparent"). The extension decides the container; a folder
    (existing, without extension, or ending in a slash) gets PNG files. `audio_from` is a file whose audio is
    copied into composite and transparent videos, cut at `start_seconds` and at the end of the video if
    `duration_seconds` or a frame limit of the source asked for one. `safe`: videos are readable up to their last second
    when the process is killed (under the temporary name), and kept when the job fails. A sink has `path`, `kind`,
    `warning` (one line about what was left out, or None), `takes_planes` (`write` also takes composites that are
    YuvPlanes of the source's matrix and range), `finish()` and `abort()`. Raises InputError.
    """
    if kind not in KINDS:
        raise ShmStreamError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    text, path = os.fspath(path), Path(path)
    if text.endswith(("/", os.sep)) or path.is_dir() or not path.suffix:
        return _folder_sink(path, source, kind, codec, crf, overwrite)
    suffix = path.suffix.lower()
    if suffix in IMAGE_SETTINGS:
        return _image_sink(path, source, kind, codec, crf, overwrite)
    _check_video_target(path, source, overwrite)
    audio = Path(audio_from) if audio_from is not None and kind in WITH_AUDIO else None
    cut_end = duration_seconds is not None or source.limited
    return VideoSink(
        path,
        source,
        kind=kind,
        codec=codec,
        crf=crf,
        audio_from=audio,
        cut_start=start_seconds > 0,
        cut_end=cut_end,
        safe=safe,
    )


def open_live_sink(
    target: LiveTarget,
    source,
    *,
    kind: str,
    bitrate: int | None,
    stdout_format: str,
    overwrite: bool,
    tell: Callable[[str], None],
):
    """Connect to a live output and return its sink, with what `open_sink` says of sinks. Raises InputError."""
    if source.kind != "video":
        raise InputError(f"{source.path} is a {source.kind}; a live output needs a video")
    common = {"audio_from": source.path}
    if target.protocol == "stdout":
        from .sink_stdout import StdoutSink

        return StdoutSink(source, kind=kind, container=stdout_format, **common)
    if target.protocol == "obs":
        from .sink_obs import open_obs

        return open_obs(int(target.address), source, tell=tell)
    if target.protocol == "hls":
        from .sink_hls import open_hls

        return open_hls(Path(target.address), source, bitrate=bitrate, overwrite=overwrite, tell=tell, **common)
    from .sink_push import open_push

    return open_push(target, source, bitrate=bitrate, tell=tell, **common)


def _check_video_target(path: Path, source, overwrite: bool) -> None:
    if source.kind == "image":
        raise InputError(f"{source.path} is one image; write it to {path.stem}.png instead of {path.name}")
    container_of(path)
    partial.check_target(path, source.files, overwrite=overwrite)


def _image_sink(path: Path, source, kind: str, codec, crf, overwrite: bool) -> ImageSink:
    if source.kind != "image":
        known = ", ".join(CONTAINERS)
        raise InputError(f"{path} is one image but {source.path} is a {source.kind}; give a folder or a {known} file")
    _refuse_codec(path, codec, crf)
    check_suffix(path, kind)
    partial.check_target(path, source.files, overwrite=overwrite)
    return ImageSink(path, kind=kind)


def _folder_sink(path: Path, source, kind: str, codec, crf, overwrite: bool) -> FolderSink:
    _refuse_codec(path, codec, crf)
    return FolderSink(path, source, kind=kind, overwrite=overwrite)


def _refuse_codec(path: Path, codec, crf) -> None:
    if codec is not None or crf is not None:
        raise InputError(f"codec and crf are for videos; leave them out when writing images to {path}")
