"""Frames of a video file, with the timestamps, rotation and colours the file gives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av

from .deinterlace import deinterlaced
from .errors import InputError
from .frame import Frame
from .hardware_decoder import cannot_decode
from .threads import SLICES
from .upright import Upright
from .video_container import open_container, seek, video_stream
from .video_decoding import DecodeProgress, decode_all, rising


class VideoSource:
    """Iterable of Frame over the first video stream of a file. See `source.open_source`.

    The first frame delivered has pts 0; the distances between timestamps are kept as they are in the file.
    """

    kind = "video"
    live = False

    def __init__(
        self, path: Path, *, start_seconds=0.0, duration_seconds=None, max_frames=None, deinterlace=False,
        hwaccel=None, stay_on_device=False, threads=SLICES,
    ):  # fmt: skip
        self.path = path
        self.files = [path]
        self.audio_from = path
        self.start_seconds = start_seconds
        self.duration_seconds = duration_seconds
        self.max_frames = max_frames
        self.limited = duration_seconds is not None or max_frames is not None
        self.origin_seconds: Fraction | None = None
        self.warning: str | None = None
        self.notice: str | None = None
        self.exhausted = False
        self._progress = DecodeProgress()
        self._deinterlace, self._hwaccel = deinterlace, hwaccel
        self._threads = threads
        self._stay = stay_on_device and not deinterlace  # fields are made whole on the CPU
        with self._open() as container:
            self._read_header(container, self._stream(container))

    def _open(self):
        return open_container(self.path, self._hwaccel, self._stay)

    def _stream(self, container):
        return video_stream(container, self.path, self._threads)

    def _read_header(self, container, stream) -> None:
        """Facts from the header and the first frame."""
        first = next(decode_all(container, stream, DecodeProgress()), None)
        if first is None and self._hwaccel:
            raise cannot_decode(self.path, self._hwaccel)
        if first is None:
            raise InputError(f"no frame of {self.path} can be decoded; the file is damaged or incomplete")
        if first.interlaced_frame and not self._deinterlace:
            self.notice = f"{self.path} is interlaced: moving edges are combs; --deinterlace makes whole pictures"
        self.time_base = stream.time_base
        self._upright = Upright(first, stream.sample_aspect_ratio)
        self.width, self.height = self._upright.width, self._upright.height
        self.planar, self.colour = self._upright.planar, self._upright.colour
        self.sample_aspect_ratio = self._upright.sample_aspect_ratio
        self.rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        self.bits = self._upright.bits
        self.decoder = (stream.codec_context.name, stream.codec_context.level, first.format.name)
        self._step = max(1, round(1 / (self.rate * self.time_base)))  # one frame in units of the time base
        said = {key.lower(): value for key, value in (container.metadata | stream.metadata).items()}
        self.timecode = said.get("timecode")
        self.first_pts = first.pts  # None: the file has no timestamps
        self._file_seconds = container.duration / 1e6 if container.duration else None
        if "avi" in container.format.name and self._file_seconds:
            # without an index, as in a file that was cut off, FFmpeg estimates the duration from the size
            self._file_seconds = max(self._file_seconds, float(stream.frames / self.rate))
        self._file_frames = stream.frames or (round(self._file_seconds * self.rate) if self._file_seconds else None)
        self.frame_count = self._expected_frames()

    @property
    def lost(self) -> int:
        """How many packets of this iteration could not be decoded up to now."""
        return self._progress.bad_packets

    @property
    def seconds_skipped(self) -> Fraction:
        """Between the file's first frame and the first one delivered; known once that was delivered."""
        return (self.origin_seconds or 0) - (self.first_pts or 0) * self.time_base

    def _expected_frames(self) -> int | None:
        count = self._file_frames
        if count is not None:
            count = max(1, count - round(self.start_seconds * self.rate))
        limits = [count, self.max_frames]
        if self.duration_seconds is not None:
            limits.append(max(1, round(self.duration_seconds * self.rate)))
        return min((limit for limit in limits if limit is not None), default=None)

    def __iter__(self) -> Iterator[Frame]:
        self.warning, self.exhausted, progress, count = None, False, DecodeProgress(), 0
        self._progress = progress
        with closing(self._decoded(progress)) as pictures:
            for index, (picture, pts, duration) in enumerate(self._wanted(pictures, progress)):
                if index == 0:
                    origin, self.origin_seconds = pts, pts * self.time_base
                count = index + 1
                shown, fine = self._upright(picture)
                yield Frame(shown, index, pts - origin, self.time_base, duration, fine_picture=fine)
        if count == 0 and self.start_seconds:
            raise InputError(f"{self.path} has no frame at or after {self.start_seconds:g} s; use a smaller -ss")
        self.warning, self.exhausted = self._warning(progress, count), True

    def _wanted(self, pictures, progress: DecodeProgress) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """(picture, pts, duration) between start and end. A frame lasts until the next one, cut off or not."""
        first = (self.first_pts or 0) + self._units(self.start_seconds)
        end = None if self.duration_seconds is None else first + self._units(self.duration_seconds)
        held, count = None, 0
        for picture, pts in pictures:
            if self.start_seconds and pts < first:
                continue
            if held is not None:
                yield *held, pts - held[1]
                count += 1
            held = (picture, pts)
            if count == self.max_frames or (end is not None and pts >= end):
                progress.limit_reached = True
                return
        if held is not None:
            yield *held, held[0].duration or self._step

    def _decoded(self, progress: DecodeProgress) -> Iterator[tuple[av.VideoFrame, int]]:
        """(picture, pts) from the last keyframe at or before the start, pts strictly rising."""
        target = (self.first_pts or 0) + self._units(self.start_seconds)
        if self.start_seconds and self.first_pts is not None:
            with self._open() as container:
                stream = self._stream(container)
                if seek(container, stream, target):
                    pictures = self._pictures(container, stream, progress)
                    head = next(pictures, None)
                    if head is not None and head[1] <= target:
                        yield head
                        yield from pictures
                        return
            progress.reset()  # no index, or one that leads past the target: read from the beginning
        with self._open() as container:
            yield from self._pictures(container, self._stream(container), progress)

    def _pictures(self, container, stream, progress: DecodeProgress) -> Iterator[tuple[av.VideoFrame, int]]:
        pictures = decode_all(container, stream, progress)
        return rising(deinterlaced(pictures, stream) if self._deinterlace else pictures, self._step)

    def _units(self, seconds: float) -> int:
        return round(Fraction(seconds) / self.time_base)

    def _warning(self, progress: DecodeProgress, count: int) -> str | None:
        about = f"{count} of about {max(self.frame_count or 0, count)} frames could be decoded"
        if progress.limit_reached:
            return f"input is damaged: {progress.bad_packets} frames were left out" if progress.bad_packets else None
        if progress.failure is not None or self._ends_short(progress):
            return f"input ended early: {about}; the output covers what there is"
        if progress.bad_packets:
            return f"input is damaged: {about}; the output lacks the others"
        return None

    def _ends_short(self, progress: DecodeProgress) -> bool:
        """Whether the streams stop clearly before the end that the header promises."""
        if self._file_seconds is None or not progress.header_is_exact:
            return False
        missing = self._file_seconds - progress.reached_seconds
        return missing > max(0.3, 0.03 * self._file_seconds)

    def close(self) -> None:
        """Files are closed by the iteration itself, in its thread; nothing stays open between iterations."""

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()
