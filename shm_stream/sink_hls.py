"""A folder of segments with a playlist that slides along: what any web server can offer as a live stream."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from . import partial
from .errors import InputError
from .live_encoding import KEY_SECONDS, LiveEncoding, LiveMuxer, copy_picture
from .live_sink import LiveSink
from .outlet import FAILURES
from .push_errors import reason_of
from .yuv_planes import YuvPlanes

LISTED = 6
"""Segments in the playlist; viewers begin three before the end."""


class HlsOutlet:
    """The playlist and the segments beside it, `<name>_000000.ts` and so on."""

    picture = "composite"
    watched = True
    pause_seconds = 1.0

    def __init__(self, path: Path, source, *, bitrate: int | None, audio_from):
        self.name = str(path)
        self._path, self._tags = path, source.colour
        options = {
            "hls_time": str(KEY_SECONDS),
            "hls_list_size": str(LISTED),
            "hls_flags": "delete_segments+independent_segments+temp_file",
            # "%" in a name would be taken for a number's place
            "hls_segment_filename": f"{path.with_suffix('')}_%06d.ts",
        }
        self._encoding = LiveEncoding("hls", source, bitrate=bitrate, audio_from=audio_from, muxer_options=options)
        self._muxer: LiveMuxer | None = None

    def connect(self) -> None:
        os.stat(self._path.parent)  # FFmpeg notices only at the end of a segment that the folder is gone
        self._muxer = self._encoding.open(str(self._path))

    def convert(self, picture: np.ndarray | YuvPlanes) -> av.VideoFrame:
        return copy_picture(picture, self._encoding.size, self._tags)

    def write(self, picture: av.VideoFrame, seconds: Fraction, duration: Fraction) -> None:
        self._muxer.write(picture, seconds, duration)

    def close(self) -> None:
        self._muxer.close()

    def abort(self) -> None:
        """A folder holds nobody up."""

    release = abort


def open_hls(path: Path, source, *, bitrate, audio_from, overwrite: bool, tell: Callable[[str], None]) -> LiveSink:
    """A sink; the playlist appears with the first finished segment. Raises InputError."""
    if "%" in str(path):
        raise InputError(f"{path} has a % in its name, which segments cannot have; choose another name")
    earlier = _segments(path)
    for target in (path, *earlier):
        partial.check_target(target, source.files, overwrite=overwrite)
    outlet = HlsOutlet(path, source, bitrate=bitrate, audio_from=audio_from)
    for segment in earlier:
        partial.remove(segment)
    try:
        outlet.connect()
    except FAILURES as error:
        raise InputError(f"cannot write {path}: {reason_of(error)}") from error
    return LiveSink(outlet, source.rate, tell, connected=True)


def _segments(path: Path) -> list[Path]:
    """Those of an earlier stream of that name, which the new playlist does not know."""
    name = re.compile(re.escape(path.stem) + r"_[0-9]{6}\.ts")
    partial.check_folder(path.parent)
    return sorted(other for other in path.parent.iterdir() if name.fullmatch(other.name))
