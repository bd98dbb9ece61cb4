"""The input's first sound as AAC, for live outputs that take nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from .audio import AudioCopy
from .video_container import open_container

BITRATE = 128_000
LAYOUTS = ("mono", "stereo")
FRAME_SIZE = 1024
"""Samples in a packet of AAC."""


def first_is_aac(path: Path) -> bool:
    """Whether the first audio stream's packets can be copied as they are; True when there is none."""
    with open_container(path) as source:
        streams = source.streams.audio
        if not streams or streams[0].codec_context is None:
            return True
        # without these bytes (AAC from a transport stream) no FLV header can be written
        return streams[0].codec_context.name == "aac" and bool(streams[0].codec_context.extradata)


def add_aac_stream(output, context):
    """A stream of AAC in `output` for the sound of the decoder `context`: its rate, one or two channels."""
    layout = context.layout.name if context.layout.name in LAYOUTS else "stereo"
    stream = output.add_stream("aac", rate=context.sample_rate, layout=layout)
    stream.codec_context.bit_rate = BITRATE
    return stream


class EncodedAudio(AudioCopy):
    """Like AudioCopy, but decoded and encoded again."""

    def _add_targets(self, indices: list[int], output) -> dict:
        (index,) = indices
        stream = add_aac_stream(output, self._input.streams[index].codec_context)
        context = stream.codec_context
        self._resampler = av.AudioResampler("fltp", context.layout, context.sample_rate, frame_size=FRAME_SIZE)
        return {index: stream}

    def _fits(self, source, container: str) -> list[int]:
        return [stream.index for stream in source.streams.audio if stream.codec_context is not None]

    def _shifted(self) -> Iterator:
        for frame in self._decoded():
            for part in self._resampler.resample(frame):
                part.pts -= round(self._origin_seconds / part.time_base)
                (stream,) = self._targets.values()
                yield from (packet for packet in stream.encode(part) if packet.pts >= 0)

    def _decoded(self) -> Iterator[av.AudioFrame]:
        for packet in self._demuxed():
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue  # damage is silence
