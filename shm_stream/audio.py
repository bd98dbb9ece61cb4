"""The input's audio and subtitles, copied packet by packet into an output: not decoded, not changed, only shifted."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from .stream_audio import StreamAudio
from .video_container import open_container


def audio_of(source: str | os.PathLike | StreamAudio) -> FileAudio | StreamAudio:
    """The sound of a file, or of a stream as it is."""
    return source if isinstance(source, StreamAudio) else FileAudio(Path(source))


class FileAudio:
    """The audio and subtitle streams of a file."""

    def __init__(self, path: Path):
        self.path = path

    def refused(self, container: str) -> list[str]:
        """`aac audio`, `subrip subtitle track`: what `container` (FFmpeg's name) cannot hold."""
        words = {"subtitle": "subtitle track"}
        with open_container(self.path) as source:
            refused = [source.streams[index] for index, fits in _try_streams(source, container).items() if not fits]
            return [f"{_codec_name(stream)} {words.get(stream.type, stream.type)}" for stream in refused]

    def copy_to(self, output, container: str) -> AudioCopy:
        """Add those that fit to an open output that has written nothing yet."""
        return AudioCopy(self.path, output, container)


def audio_warning(sound: FileAudio | StreamAudio, container: str, target: Path) -> str | None:
    """One line about the sound (and subtitles) that `target` will lack, or None. `container`: FFmpeg's name."""
    refused = sound.refused(container)
    if not refused:
        return None
    names, other = ", ".join(dict.fromkeys(refused)), ".mkv" if container != "matroska" else ".mov"
    return f"{names} does not fit into {target.suffix} and is left out; {other} would keep it"


def _codec_name(stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"


def _try_streams(source, container: str) -> dict[int, bool]:
    """Index of each subtitle stream, and of each audio stream that has packets → whether `container` holds it.

    Moves the reading position.
    """
    streams = list(source.streams.audio)
    tried = {stream.index: False for stream in streams if stream.codec_context is None}
    for stream in source.streams.subtitles:  # the first packet may lie far in the file: the header must do
        tried[stream.index] = _fits(None, stream, container)
    for packet in source.demux(streams) if streams else ():
        index = packet.stream_index
        if packet.dts is not None and index not in tried:
            tried[index] = _fits(packet, source.streams[index], container)
        if all(stream.index in tried for stream in streams):
            break
    return tried


def _fits(packet, stream, container: str) -> bool:
    """Try to write one packet (None: the header); some refusals only come with the last bytes of the file."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            copy = trial.add_stream_from_template(stream)
            if packet is None:
                trial.start_encoding()
                return True
            packet.stream = copy
            trial.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


class AudioCopy:
    """Every audio and subtitle stream of `path` that fits into `output`, in step with the video that is written there.

    Times are seconds of the output, whose video starts at 0. A packet is copied whole or not at all.
    """

    def __init__(self, path: Path, output, container: str, *, first_only: bool = False):
        """`output`: an open PyAV output container that has written nothing yet; its streams are added here."""
        with open_container(path) as trial:
            fitting = sorted(self._fits(trial, container))
            if first_only:
                fitting = [index for index in fitting if trial.streams[index].type == "audio"][:1]
        self._input = open_container(path)
        self._targets = self._add_targets(fitting, output) if fitting else {}
        self._packets: Iterator = iter(())
        self._held = None

    def _fits(self, source, container: str) -> list[int]:
        """Indices of the streams that `container` takes."""
        return [index for index, fits in _try_streams(source, container).items() if fits]

    def _add_targets(self, indices: list[int], output) -> dict:
        """Index → the output's stream for it."""
        return {index: copied_stream(self._input.streams[index], output) for index in indices}

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
    copy = output.add_stream_from_template(stream, opaque=True)  # AV1's decoder has another name than its encoders
    copy.metadata.update(stream.metadata)  # language, title
    copy.disposition = stream.disposition
    return copy
