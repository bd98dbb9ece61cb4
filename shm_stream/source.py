"""Where frames come from: a video file, one image, a folder of images, a camera, a screen, a stream or stdin."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path

from .errors import InputError
from .live_options import LiveOptions
from .source_images import IMAGE_SUFFIXES, ImageSource
from .source_stream import StreamSource
from .source_video import VideoSource
from .stream_address import parse_address
from .threads import SLICES

Source = VideoSource | ImageSource | StreamSource


def open_source(
    path: str | os.PathLike,
    *,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
    max_frames: int | None = None,
    live: LiveOptions | None = None,
    deinterlace: bool = False,
    rate: Fraction | None = None,
    hwaccel: str | None = None,
    stay_on_device: bool = False,
    threads: int = SLICES,
) -> Source:
    """Read the header of `path` and return an iterable of `Frame`; each iteration starts anew.

    With `live`, `path` may also name a camera, a screen, a stream or stdin (see `stream_address`), which is connected
    here and iterated once. `start_seconds` and `duration_seconds` cut videos to the frame; `max_frames` ends any
    source; `deinterlace` makes whole pictures of the fields of interlaced videos; `rate` is that of a folder's pictures
    (None: 25 a second); `hwaccel` is what decodes a video file instead of the CPU, such as `cuda`, and with
    `stay_on_device` its frames are left there as DevicePlanes where they can; `threads` are those of a video file's
    decoder. Files are opened and closed in the thread that iterates. A source has: `kind` ("video", "image", "folder"),
    `live` (frames that come while nobody asks are dropped), `path`, `width`, `height` (upright; of the first image in a
    folder), `planar` (frames come as YuvPlanes, but for those that change size or format in mid-stream), `rate`
    (Fraction), `frame_count` (estimate or None), `colour` (ColourTags), `bits` (of each channel), `sample_aspect_ratio`
    (Fraction), `files` (the paths it reads), `audio_from` (what `open_sink` copies sound from, or None), `limited` (an
    end was asked for), `exhausted` (the last iteration went to its end), `origin_seconds` (where in the input the first
    frame lay; known once it was delivered), `notice` (None or one line about what the header says) and, after
    iteration, `warning` (None or one line saying what could not be decoded). Raises InputError.
    """
    _check_limits(start_seconds, duration_seconds, max_frames)
    if not os.fspath(path):
        raise InputError("the input has no name: give a video, a picture, a folder or a live input")
    address = parse_address(os.fspath(path), live) if live is not None else None
    if address is not None:
        if hwaccel:
            raise InputError(f"{address.name} is decoded on the CPU: --hwaccel is for video files")
        if start_seconds:
            raise InputError(f"{address.name} has no beginning to skip: -ss is for files")
        return StreamSource(address, live, duration_seconds=duration_seconds, max_frames=max_frames)
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        if start_seconds or duration_seconds is not None:
            raise InputError(f"{path} has no time line: -ss and -t are for videos; --frames limits a folder")
        if hwaccel:
            raise InputError(f"{path} is no video: --hwaccel is for video files")
        if deinterlace:
            raise InputError(f"{path} has no fields: --deinterlace is for videos")
        return ImageSource(path, max_frames=max_frames, rate=rate)
    if rate is not None:
        raise InputError(f"{path} has times of its own: --rate is for folders of pictures")
    return VideoSource(
        path, start_seconds=start_seconds, duration_seconds=duration_seconds, max_frames=max_frames,
        deinterlace=deinterlace, hwaccel=hwaccel, stay_on_device=stay_on_device, threads=threads,
    )  # fmt: skip


def _check_limits(start_seconds: float, duration_seconds: float | None, max_frames: int | None) -> None:
    if not (math.isfinite(start_seconds) and start_seconds >= 0):
        raise InputError(f"start time {start_seconds} is not usable; give seconds from 0 up")
    if duration_seconds is not None and not (math.isfinite(duration_seconds) and duration_seconds > 0):
        raise InputError(f"duration {duration_seconds} is not usable; give more than 0 seconds")
    if max_frames is not None and max_frames < 1:
        raise InputError(f"frame limit {max_frames} is not usable; give 1 or more")
