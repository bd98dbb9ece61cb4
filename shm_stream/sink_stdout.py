"""Pictures for another program through a pipe, as NUT (with times and sound) or as bare pixels."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange

from .audio import audio_of
from .colour import LIMITED
from .errors import InputError, ShmStreamError
from .frame import Frame
from .live_encoding import TIME_BASE, copy_picture
from .push_errors import reason_of
from .yuv_planes import YuvPlanes


class StdoutSink:
    """Every frame, as fast as the reader takes them. Composites are yuv420p, cut-outs straight rgba."""

    warning = None
    path = "stdout"
    takes_planes = True

    def __init__(self, source, *, kind: str, container: str, audio_from=None):
        """Raises InputError when nobody reads."""
        if sys.stdout.isatty():
            raise InputError("stdout is a terminal, which shows no pictures; add a program that reads: | ffmpeg -i -")
        self.kind = kind
        self.pix_fmt = "rgba" if kind == "transparent" else "yuv420p"
        self._source, self._container, self._audio_from = source, container, audio_from
        self._output = self._audio = None
        self._count = 0
        self._pipe = os.fdopen(os.dup(1), "wb", buffering=0)

    def write(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        """Raises ShmStreamError when the reader is gone."""
        try:
            if self._output is None:
                self._open()
            encoded = self._converted(picture)
            start, end = frame.pts * frame.time_base, (frame.pts + frame.duration) * frame.time_base
            encoded.pts, encoded.time_base = round(start / TIME_BASE), TIME_BASE
            encoded.duration = round((end - start) / TIME_BASE)
            for packet in self._audio.packets_until(end) if self._audio is not None else ():
                self._output.mux(packet)
            self._output.mux(self._stream.encode(encoded))
        except (av.FFmpegError, OSError) as error:
            raise self._gone(error) from error
        self._count += 1

    def _open(self) -> None:
        self._output = av.open(self._pipe, "w", format=self._container, container_options={"flush_packets": "1"})
        self._stream = self._output.add_stream("rawvideo", rate=self._source.rate.limit_denominator(1 << 20))
        self._stream.width, self._stream.height = self._source.width, self._source.height
        self._stream.pix_fmt = self.pix_fmt
        context = self._stream.codec_context
        self._stream.time_base = context.time_base = TIME_BASE
        context.sample_aspect_ratio = self._source.sample_aspect_ratio
        if self._audio_from is not None and self._container == "nut":
            self._audio = audio_of(self._audio_from).copy_to(self._output, self._container)
            self._audio.start(self._source.origin_seconds or Fraction(0), cut=True)

    def _converted(self, picture: np.ndarray | YuvPlanes) -> av.VideoFrame:
        if self.kind == "transparent":
            return av.VideoFrame.from_ndarray(picture, "rgba")
        size, tags = (self._source.width, self._source.height), self._source.colour
        limited = replace(tags, range=LIMITED)  # bare pictures do not say their range, and this is what readers take
        if tags == limited or not isinstance(picture, YuvPlanes):
            return copy_picture(picture, size, limited)
        copy = copy_picture(picture, size, tags)
        return copy.reformat(src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.MPEG)

    def _gone(self, error: Exception) -> ShmStreamError:
        return ShmStreamError(f"stdout was closed by its reader after {self._count} frames ({reason_of(error)})")

    def finish(self) -> str:
        """Write the end. Raises ShmStreamError."""
        try:
            self._output.close()
            self._pipe.close()
        except (av.FFmpegError, OSError) as error:
            raise self._gone(error) from error
        return self.path

    def abort(self) -> None:
        """Nothing more is written."""
        if not self._pipe.closed:
            self._pipe.close()
