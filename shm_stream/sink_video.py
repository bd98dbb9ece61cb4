"""A video file being written: encoded pictures, copied audio, the source's own timestamps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from . import partial
from .audio import AudioCopy, audio_warning
from .errors import ShmStreamError
from .frame import Frame
from .planes import frame_from_grey, frame_from_rgb, set_tags
from .video_codecs import add_video_stream, choose_encoding
from .yuv_planes import YuvPlanes, picture_size, same_numbers


class VideoSink:
    """See `sink.open_sink`. The file is made at the first `write`, under a temporary name beside the target.

    Colours are written with the source's matrix and range and tagged so (ProRes and mattes: always limited range).
    """

    def __init__(self, path: Path, source, *, kind: str, codec, crf, audio_from: Path | None, cut_start, cut_end):
        self.path = path
        self.kind = kind
        self.warning: str | None = None
        self._source = source
        self._encoding = choose_encoding(path, kind, (source.width, source.height), source.colour, codec, crf)
        self._cut_start, self._cut_end = cut_start, cut_end
        self._audio_from = audio_from
        if audio_from is not None:
            self.warning = audio_warning(audio_from, self._encoding.container, path)
        self._partial = partial.partial_path(path)
        self._container = self._stream = self._audio = None
        self._size: tuple[int, int] | None = None
        self._end_seconds = Fraction(0)
        self._state = "open"  # or "finished", "aborted"

    @property
    def takes_planes(self) -> bool:
        """Whether `write` encodes planes of the source's matrix and range as they are."""
        return self._encoding.pix_fmt == "yuv420p" and same_numbers(self._encoding.tags, self._source.colour)

    def write(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        """Append one picture, shown from `frame.pts` for `frame.duration`. Raises ShmStreamError.

        Planes (see `takes_planes`) come from `planes.new_planes` and belong to the encoder from here on.
        """
        with self._failing_cleanly():
            if self._container is None:
                self._open(frame, picture_size(picture))
            encoded = self._av_frame(frame, picture)
            self._end_seconds = (frame.pts + frame.duration) * frame.time_base
            self._mux_audio(self._end_seconds)
            self._container.mux(self._stream.encode(encoded))

    def finish(self) -> Path:
        """Flush, close and give the file its name. Raises ShmStreamError."""
        if self._state == "finished":
            return self.path
        with self._failing_cleanly():
            if self._container is None:
                raise ShmStreamError(f"nothing to write to {self.path}: the input gave no frames")
            self._container.mux(self._stream.encode(None))
            stopped = self._cut_end or not self._source.exhausted  # on purpose, or by Ctrl-C
            self._mux_audio(self._end_seconds if stopped else float("inf"))
            self._close()
            partial.commit(self._partial, self.path)
        self._state = "finished"
        return self.path

    def abort(self) -> None:
        """Close and delete the unfinished file. Does nothing after `finish`."""
        if self._state != "open":
            return
        self._state = "aborted"
        with contextlib.suppress(av.FFmpegError, OSError):  # what cannot be flushed is deleted anyway
            self._close()
        partial.discard(self._partial)

    def _open(self, frame: Frame, size: tuple[int, int]) -> None:
        self._size = size[::-1]
        encoding = self._encoding
        self._container = open_output(self._partial, encoding.container)
        self._stream = add_video_stream(self._container, encoding, self._size, self._source.rate)
        self._stream.time_base = self._stream.codec_context.time_base = frame.time_base
        self._stream.codec_context.sample_aspect_ratio = self._source.sample_aspect_ratio
        if self._audio_from is not None:
            self._audio = AudioCopy(self._audio_from, self._container, encoding.container)
            self._audio.start(getattr(self._source, "origin_seconds", None) or Fraction(0), cut=self._cut_start)

    def _av_frame(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> av.VideoFrame:
        height, width = picture_size(picture)
        if (width, height) != self._size:
            raise ShmStreamError(
                f"cannot write {self.path}: picture {frame.index} is {width}x{height}, the first "
                f"was {self._size[0]}x{self._size[1]}; a video holds one size, write to a folder instead"
            )
        if isinstance(picture, YuvPlanes):
            result = set_tags(picture.frame, self._encoding.tags)
        else:
            convert = frame_from_grey if picture.ndim == 2 else frame_from_rgb
            result = convert(picture, self._encoding.pix_fmt, self._encoding.tags)
        result.pts, result.time_base, result.duration = frame.pts, frame.time_base, frame.duration
        return result

    def _mux_audio(self, end_seconds) -> None:
        if self._audio is not None:
            for packet in self._audio.packets_until(end_seconds):
                self._container.mux(packet)

    def _close(self) -> None:
        audio, self._audio = self._audio, None
        if audio is not None:
            audio.close()
        container, self._container = self._container, None
        if container is not None:
            container.close()

    @contextlib.contextmanager
    def _failing_cleanly(self) -> Iterator[None]:
        """No half file stays behind an error."""
        if self._state != "open":
            raise ShmStreamError(f"writing {self.path} was {self._state} before; nothing can be added")
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise ShmStreamError(f"cannot write {self.path}: {error.strerror or error}; nothing was kept") from error
        except BaseException:
            self.abort()
            raise


def open_output(path: Path, container: str):
    """PyAV's output container; `container` is FFmpeg's name. Raises av.FFmpegError."""
    options = {"movflags": "+faststart"} if container == "mp4" else {}
    return av.open(f"file:{path.absolute()}", "w", format=container, container_options=options)
