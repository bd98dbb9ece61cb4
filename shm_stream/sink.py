"""Where results go: a video file, one image, or a folder of images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from . import partial
from .audio import audio_of
from .delivery import USUAL, Delivery, check_delivery
from .errors import InputError, ShmStreamError
from .live_target import LiveTarget
from .picture_format import is_pattern, is_picture
from .sink_images import FolderSink, ImageSink
from .sink_video import VideoSink
from .stream_audio import StreamAudio
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
    audio_from: str | os.PathLike | StreamAudio | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
    delivery: Delivery = USUAL,
    safe: bool = False,
    part: bool = False,
    threads: int | None = None,
) -> Sink:
    """Check everything that can be checked without a frame, and return a sink; no file is made before `write`.

    `kind` says what `write(frame, pixels)` gets: [H, W, 3] uint8 RGB ("composite", "foreground"), [H, W] uint8
    ("alpha") or [H, W, 4] uint8 straight RGBA ("transparent"), or the same in float32, 0 to 1, of which a sink that is
    `fine` keeps more than 8 bits. The extension decides the container; a folder (existing, without extension, or
    ending in a slash) gets PNG files unless `delivery` names another format, a name with %04d numbered pictures.
    `audio_from` is a file, or the sound of a stream, that is copied into composite and transparent videos, cut at
    `start_seconds` and at the end of the video if `duration_seconds` or a frame limit of the source asked for one.
    `safe`: videos are readable up to their last second when the process is killed (under the temporary name), and kept
    when the job fails. `part`: others are made apart, and the sound is copied when they are joined.
    `threads`: of a video encoder, None for as many as it likes.
    A sink has `path`, `kind`, `warning` (one line about what was left out, or None),
    `takes_planes` (`write` also takes composites that are YuvPlanes of the source's matrix and range), `fine`,
    `facts()` (what is written, for the sidecar), `finish()` and `abort()`, which returns what is kept all the same, or
    None. Raises InputError.
    """
    if kind not in KINDS:
        raise ShmStreamError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    folder, path = is_folder(path), Path(path)
    check_delivery(delivery)
    if is_pattern(path):
        return _sequence_sink(path, source, kind, codec, crf, overwrite, delivery)
    if folder:
        return _folder_sink(path, source, kind, codec, crf, overwrite, delivery)
    suffix = path.suffix.lower()
    if delivery.image_format is not None or delivery.start_number is not None:
        raise InputError(f"image format and start number are for folders and names with %04d, not for {path}")
    if is_picture(suffix):
        return _image_sink(path, source, kind, codec, crf, overwrite, delivery)
    _check_video_target(path, source, overwrite)
    audio = audio_of(audio_from) if audio_from is not None and kind in WITH_AUDIO else None
    cut_end = duration_seconds is not None or source.limited
    return VideoSink(
        path, source, kind=kind, codec=codec, crf=crf, audio_from=audio, cut_start=start_seconds > 0, cut_end=cut_end,
        delivery=delivery, safe=safe, part=part, threads=threads,
    )  # fmt: skip


def is_folder(path: str | os.PathLike) -> bool:
    """Whether an output is a folder: existing, without extension, or ending in a slash."""
    return os.fspath(path).endswith(("/", os.sep)) or Path(path).is_dir() or not Path(path).suffix


def open_live_sink(
    target: LiveTarget,
    source,
    *,
    kind: str,
    bitrate: int | None,
    stdout_format: str,
    overwrite: bool,
    obs_setup: str | None,
    tell: Callable[[str], None],
):
    """Connect to a live output and return its sink, with what `open_sink` says of sinks. Raises InputError."""
    if source.kind != "video":
        raise InputError(f"{source.path} is a {source.kind}; a live output needs a video")
    common = {"audio_from": source.audio_from}
    if target.protocol == "stdout":
        from .sink_stdout import StdoutSink

        return StdoutSink(source, kind=kind, container=stdout_format, **common)
    if target.protocol == "obs":
        from .sink_obs import open_obs

        return open_obs(int(target.address), source, setup=obs_setup, tell=tell)
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


def _image_sink(path: Path, source, kind: str, codec, crf, overwrite: bool, delivery) -> ImageSink:
    if source.kind != "image":
        known = ", ".join(CONTAINERS)
        raise InputError(
            f"{path} is one image but {source.path} is a {source.kind}; give a folder, a {known} file, or a name with "
            f"%04d in it"
        )
    _refuse_codec(path, codec, crf)
    partial.check_target(path, source.files, overwrite=overwrite)
    return ImageSink(path, source, kind=kind, delivery=delivery)


def _folder_sink(path: Path, source, kind: str, codec, crf, overwrite: bool, delivery) -> FolderSink:
    _refuse_codec(path, codec, crf)
    if delivery.start_number is not None and source.kind != "video":
        raise InputError(f"pictures in {path} keep the names of the input; give a name with %04d in it to number them")
    return FolderSink(path, source, kind=kind, overwrite=overwrite, delivery=delivery)


def _sequence_sink(path: Path, source, kind: str, codec, crf, overwrite: bool, delivery) -> FolderSink:
    _refuse_codec(path, codec, crf)
    if delivery.image_format is not None:
        raise InputError(f"the extension of {path} says the format already; leave the image format out")
    return FolderSink(path, source, kind=kind, overwrite=overwrite, delivery=delivery)


def _refuse_codec(path: Path, codec, crf) -> None:
    if codec is not None or crf is not None:
        raise InputError(f"codec and crf are for videos; leave them out when writing images to {path}")
