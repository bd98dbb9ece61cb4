"""The input's audio, copied packet by packet into an output: not decoded, not changed, only shifted in time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from .source_video import open_container


def refused_codecs(path: Path, container: str) -> list[str]:
    """Names of the audio codecs in `path` that `container` (FFmpeg's name) cannot hold; [] if it holds all."""
    with open_container(path) as source:
        return [stream.codec_context.name for stream in source.streams.audio if not _fits(stream, container)]


def _fits(stream, container: str) -> bool:
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


class AudioCopy:
    """Every audio stream of `path` that fits into `output`, in step with the video that is written there.

    Times are seconds of the output, whose video starts at 0. A packet is copied whole or not at all.
    """

    def __init__(self, path: Path, output, container: str):
        """`output`: an open PyAV output container that has written nothing yet; its streams are added here."""
        self._input = open_container(path)
        fitting = [stream for stream in self._input.streams.audio if _fits(stream, container)]
        self._targets = {stream.index: _copied_stream(stream, output) for stream in fitting}
        self._packets: Iterator = iter(())
        self._held = None

    def start(self, origin_seconds: Fraction, *, cut: bool) -> None:
        """`origin_seconds`: when, in the input, the output begins. `cut`: leave out packets from before that."""
        self._origin_seconds, self._cut = origin_seconds, cut
        if cut:
            try:
                self._input.seek(max(0, int(origin_seconds * 1_000_000)))
            except av.FFmpegError:
                self._input.seek(0)  # no index: read from the beginning
        self._packets = self._shifted()

    def packets_until(self, end_seconds: float | Fraction) -> Iterator:
        """Packets that begin before `end_seconds`, ready to be muxed."""
        while True:
            if self._held is None:
                self._held = next(self._packets, None)
            if self._held is None or self._held.pts * self._held.time_base >= end_seconds:
                return
            packet, self._held = self._held, None
            yield packet

    def _shifted(self) -> Iterator:
        for packet in self._demuxed():
            if packet.pts is None:
                packet.pts = packet.dts
            shift = round(self._origin_seconds / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            if self._cut and packet.pts < 0:
                continue
            packet.stream = self._targets[packet.stream_index]
            yield packet

    def _demuxed(self) -> Iterator:
        if not self._targets:
            return
        streams = [self._input.streams[index] for index in self._targets]
        try:
            for packet in self._input.demux(streams):
                if packet.dts is not None:
                    yield packet
        except av.FFmpegError:
            return  # a damaged end: the source says so, the audio simply ends there too

    def close(self) -> None:
        self._input.close()


def _copied_stream(stream, output):
    copy = output.add_stream_from_template(stream)
    copy.metadata.update(stream.metadata)  # language, title
    copy.disposition = stream.disposition
    return copy
