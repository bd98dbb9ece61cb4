"""A video file being written: encoded pictures, copied audio, the source's own timestamps."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from . import partial
from .audio import audio_warning
from .carried import carry_facts, timecode_at
from .convention import convention_facts, convention_for
from .delivery import USUAL, Delivery, wanted_bits
from .encoder_frames import EncoderFrames, on_device
from .encoder_memory import bounded, bytes_per_pixel
from .errors import ShmStreamError
from .fine_planes import depth_of
from .frame import Frame
from .output_container import open_output
from .thread_priority import usual_priority
from .video_codecs import DEVICE_FORMAT, Encoding, add_video_stream, choose_encoding, takes_device_frames, with_threads
from .yuv_planes import YuvPlanes, picture_size, same_numbers

LOOK_SECONDS = 1.0
"""How often a file that is written is looked for under its name."""
ASPECT_CONTAINERS, ASPECT_CODECS = ("mp4", "mov"), ("libx264", "libx265")
"""What carries the shape of pixels."""


class VideoSink:
    """See `sink.open_sink`. The file is made at the first `write`, under a temporary name beside the target.

    Colours are written with the source's matrix and range and tagged so (ProRes and mattes: always limited range).
    """

    def __init__(
        self, path: Path, source, *, kind: str, codec, crf, audio_from, cut_start, cut_end, delivery: Delivery = USUAL,
        safe=False, part=False, threads=None,
    ):  # fmt: skip
        """`safe`: what was written stays readable when the process dies, and is kept when the job fails.

        `part`: without sound and titles, which come when parts are joined; `warning` is that of the whole.
        """
        self.path = path
        self._safe = safe
        self.kind = kind
        self.warning: str | None = None
        self._source = source
        size, bits = (source.width, source.height), wanted_bits(delivery, source)
        encoding = choose_encoding(path, kind, size, source.colour, codec, crf, bits)
        self._encoding = encoding if threads is None else with_threads(encoding, threads)
        self._convention = convention_for(path, path.suffix.lower(), kind, delivery, source)
        self._frames = EncoderFrames(path, self._encoding, self._convention, source.rate)
        self._cut_start, self._cut_end = cut_start, cut_end
        self._audio_from = None if part else audio_from
        if audio_from is not None:
            self.warning = audio_warning(audio_from, self._encoding.container, path)
        self._check_aspect()
        self._partial = partial.partial_path(path)
        self._container = self._stream = self._audio = None
        self._end_seconds = Fraction(0)
        self._state = "open"  # or "finished", "aborted"
        self._kept: str | None = None
        self._seen, self._looked = False, 0.0

    @property
    def takes_planes(self) -> bool:
        """Whether `write` encodes planes of the source's matrix and range as they are."""
        return self._encoding.pix_fmt == "yuv420p" and same_numbers(self._encoding.tags, self._source.colour)

    @property
    def takes_device_planes(self) -> bool:
        """Whether `write` encodes DevicePlanes where they lie."""
        return self.takes_planes and takes_device_frames(self._encoding, (self._source.width, self._source.height))

    @property
    def fine(self) -> bool:
        """Whether more than 8 bits are kept of float32 pictures."""
        return self._frames.fine

    @property
    def encoding(self) -> Encoding:
        """What the encoder is asked for."""
        return self._encoding

    @property
    def bytes_per_pixel(self) -> float:
        """Most memory that turning a picture into the encoder's frame takes."""
        if self.takes_planes and self.kind == "composite" and self._source.planar:
            return 0
        kept = self._frames.kept_bits / 8
        return bytes_per_pixel(self._encoding.pix_fmt) + kept + (40 if self.fine else 6)

    def bound_memory(self, look_ahead: float) -> None:
        """Let the encoder look ahead less: that share of what it does by itself. Before the first `write`."""
        self._encoding = bounded(self._encoding, look_ahead)

    def facts(self) -> dict:
        """What is written, for the sidecar."""
        encoding, tags = self._encoding, self._encoding.tags
        return {
            "container": encoding.container,
            "codec": encoding.codec,
            "pixel_format": encoding.pix_fmt,
            "bits": depth_of(encoding.pix_fmt),
            **({"alpha_bits": self._frames.kept_bits} if self._frames.kept_bits else {}),
            "colour_tags": {
                "matrix": tags.matrix, "range": tags.range, "primaries": tags.primaries, "transfer": tags.transfer
            },
            **convention_facts(self._convention, self.kind),
        }  # fmt: skip

    def _check_aspect(self) -> None:
        """PyAV cannot set what the Matroska and AVI muxers read; only some codecs say it themselves."""
        aspect, encoding = self._source.sample_aspect_ratio, self._encoding
        if aspect != 1 and encoding.container not in ASPECT_CONTAINERS and encoding.codec not in ASPECT_CODECS:
            lost = f"the pixel aspect {aspect.numerator}:{aspect.denominator} is not kept by {encoding.codec} in "
            also = f"{self.warning}; " if self.warning else ""
            self.warning = f"{also}{lost}{self.path.suffix}; .mov would keep it"

    def write(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        """Append one picture, shown from `frame.pts` for `frame.duration`. Raises ShmStreamError.

        Planes (see `takes_planes`) come from `planes.new_planes` and belong to the encoder from here on.
        """
        with self._failing_cleanly():
            if self._container is None:
                with usual_priority(self._encoding.codec):
                    self._open(frame, picture)
                    self._append(frame, picture)
                return
            if time.monotonic() - self._looked > LOOK_SECONDS:
                self._look()
            self._append(frame, picture)

    def _append(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        """The first one opens the encoder."""
        encoded = self._frames.make(frame, picture)
        self._end_seconds = (frame.pts + frame.duration) * frame.time_base
        self._mux_audio(self._end_seconds)
        self._mux(encoded)

    def finish(self) -> Path:
        """Flush, close and give the file its name. Raises ShmStreamError."""
        if self._state == "finished":
            return self.path
        with self._failing_cleanly():
            if self._container is None:
                raise ShmStreamError(f"nothing to write to {self.path}: the input gave no frames")
            self._mux(None)
            stopped = self._cut_end or not self._source.exhausted  # on purpose, or by Ctrl-C
            self._mux_audio(self._end_seconds if stopped else float("inf"))
            self._close()
            self._look()
            partial.commit(self._partial, self.path)
        self._state, self._kept = "finished", str(self.path)
        return self.path

    def abort(self) -> str | None:
        """Close and delete the unfinished file, or keep what a safe one holds. Does nothing after `finish`.

        Returns which file is kept, if one is.
        """
        if self._state == "open":
            self._state = "aborted"
            begun = self._container is not None
            if begun and self._safe:
                with contextlib.suppress(av.FFmpegError, OSError, ShmStreamError):
                    self._mux(None)  # frames that the encoder holds back
            with contextlib.suppress(av.FFmpegError, OSError):  # as on a full disk: what is there stays readable
                self._close()
            if begun and self._safe:
                self._keep()
            partial.discard(self._partial)
        return self._kept

    def _keep(self) -> None:
        """Give the file of a job that failed its name, unless nothing can be read of it."""
        with contextlib.suppress(av.FFmpegError, OSError):
            with av.open(f"file:{self._partial.absolute()}") as container:
                if next(container.decode(video=0), None) is None:
                    return
            partial.commit(self._partial, self.path)
            self._kept = f"{self.path} as far as it came"

    def _look(self) -> None:
        """A file without a name can be written to for hours, and is gone in the end. Raises FileNotFoundError."""
        self._looked, seen = time.monotonic(), self._seen
        self._seen = self._partial.exists()  # FFmpeg makes it when the encoder gives its first packet
        if seen and not self._seen:
            raise FileNotFoundError(errno.ENOENT, "it was moved or deleted while it was written")

    def _open(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        encoding = self._encoding
        if on_device(picture):
            encoding = replace(encoding, pix_fmt=DEVICE_FORMAT)
        self._container = open_output(self._partial, encoding.container, safe=self._safe)
        self._stream = add_video_stream(self._container, encoding, picture_size(picture)[::-1], self._source.rate)
        time_base = 1 / self._source.rate if encoding.container == "avi" else frame.time_base
        self._stream.time_base = self._stream.codec_context.time_base = time_base
        self._stream.codec_context.sample_aspect_ratio = self._source.sample_aspect_ratio
        origin = getattr(self._source, "origin_seconds", None) or Fraction(0)
        self._carry_timecode()
        if self._audio_from is not None:
            duration = getattr(self._source, "duration_seconds", None)
            if self._audio_from.path is not None:
                carry_facts(self._audio_from.path, self._container, origin_seconds=origin, duration_seconds=duration)
            self._audio = self._audio_from.copy_to(self._container, encoding.container)
            self._audio.start(origin, cut=self._cut_start)

    def _carry_timecode(self) -> None:
        """In every kind of output, so that mattes are conformed like their picture."""
        start = getattr(self._source, "timecode", None)
        if start is not None:
            skipped = round(self._source.seconds_skipped * self._source.rate)
            timecode = timecode_at(start, skipped, self._source.rate)
            if timecode is not None:
                self._stream.metadata["timecode"] = timecode

    def _mux(self, frame: av.VideoFrame | None) -> None:
        self._container.mux(self._frames.complete(self._stream.encode(frame)))

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
            raise ShmStreamError(f"cannot write {self.path}: {error.strerror or error}") from error
        except BaseException:
            self.abort()
            raise
