"""Opening a video file for reading, on the CPU or on a device that decodes."""

from __future__ import annotations

from pathlib import Path

import av

from .errors import InputError
from .hardware_decoder import cannot_decode, decoder_settings
from .threads import SLICES

LENIENT = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Titles that are not UTF-8 must not stop a video; PyAV from 19 on always takes them."""


def open_container(path: Path, hwaccel: str | None = None, stay: bool = False):
    """PyAV's input container, to be closed by the thread that calls this; `hwaccel`: the kind of device that decodes,
    `stay`: its frames are left there.

    Raises InputError with one line.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"cannot read {path}: the file is empty")
    if hwaccel is not None:
        return _open_for_hardware(path, hwaccel, stay)
    try:
        return av.open(f"file:{path.absolute()}", **LENIENT)
    except av.FFmpegError as error:
        reason = "it is not a video or is incomplete" if isinstance(error, av.InvalidDataError) else error.strerror
        raise InputError(f"cannot read {path}: {reason}") from error


def _open_for_hardware(path: Path, hwaccel: str, stay: bool):
    open_container(path).close()  # says what is wrong with the file
    try:
        return av.open(f"file:{path.absolute()}", hwaccel=decoder_settings(hwaccel, stay), **LENIENT)
    except (av.FFmpegError, RuntimeError) as error:
        raise cannot_decode(path, hwaccel, error) from error


def video_stream(container, path: Path | str, threads: int = SLICES):
    """The first video stream that is not a cover picture, set up to be decoded with `threads`. Raises InputError if
    there is none."""
    attached = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    if not streams:
        raise InputError(f"{path} has no video stream; give a video or an image")
    if streams[0].codec_context is None:
        raise InputError(f"cannot decode {path}: its video codec is unknown here; convert it to H.264 first")
    streams[0].codec_context.thread_type = "SLICE"
    streams[0].codec_context.thread_count = threads
    return streams[0]


def seek(container, stream, target: int) -> bool:
    """To the last keyframe at or before `target`, in the stream's units; False when the container cannot."""
    try:
        container.seek(target, stream=stream)
    except av.FFmpegError:
        return False
    return True
