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
        tried = _try_streams(source, container)
        return [_codec_name(source.streams[index]) for index, fits in tried.items() if not fits]


def audio_warning(path: Path, container: str, target: Path) -> str | None:
    """One line about the audio of `path` that `target` will lack, or None."""
    refused = refused_codecs(path, container)
    if not refused:
        return None
    names = ", ".join(dict.fromkeys(refused))
    return f"{names} audio does not fit into {target.suffix} and is left out; .mkv would keep it"


def _codec_name(stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"


def _try_streams(source, container: str) -> dict[int, bool]:
    """Index of each audio stream that has packets → whether `container` holds it. Moves the reading position."""
    streams = list(source.streams.audio)
    tried = {stream.index: False for stream in streams if stream.codec_context is None}
    for packet in source.demux(streams) if streams else ():
        index = packet.stream_index
        if packet.dts is not None and index not in tried:
            tried[index] = _fits(packet, source.streams[index], container)
        if len(tried) == len(streams):
            break
    return tried


def _fits(packet, stream, container: str) -> bool:
    """Try to write one packet; some refusals only come with the last bytes of the file."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            packet.stream = trial.add_stream_from_template(stream)
            trial.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


class AudioCopy:
    """Every audio stream of `path` that fits into `output`, in step with the video that is written there.

    Times are seconds of the output, whose video starts at 0. A packet is copied whole or not at all.
    """

    def __init__(self, path: Path, output, container: str):
        """`output`: an open PyAV output container that has written nothing yet; its streams are added here."""
        with open_container(path) as trial:
            fitting = [index for index, fits in _try_streams(trial, container).items() if fits]
        self._input = open_container(path)
        self._targets = {index: copied_stream(self._input.streams[index], output) for index in sorted(fitting)}
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


def copied_stream(stream, output):
    """A stream of `output` for the packets of `stream`, with what the file says about it."""
    copy = output.add_stream_from_template(stream)
    copy.metadata.update(stream.metadata)  # language, title
    copy.disposition = stream.disposition
    return copy
