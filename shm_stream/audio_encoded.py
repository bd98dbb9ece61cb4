"""The input's first sound as AAC, for live outputs that take nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from .audio import AudioCopy
from .video_container import open_container

BITRATE = 128_000
LAYOUTS = ("mono", "stereo")


def first_is_aac(path: Path) -> bool:
    """Whether the first audio stream's packets can be copied as they are; True when there is none."""
    with open_container(path) as source:
        streams = source.streams.audio
        if not streams or streams[0].codec_context is None:
            return True
        # without these bytes (AAC from a transport stream) no FLV header can be written
        return streams[0].codec_context.name == "aac" and bool(streams[0].codec_context.extradata)


class EncodedAudio(AudioCopy):
    """Like AudioCopy, but decoded and encoded again."""

    def _add_targets(self, indices: list[int], output) -> dict:
        (index,) = indices
        context = self._input.streams[index].codec_context
        layout = context.layout.name if context.layout.name in LAYOUTS else "stereo"
        stream = output.add_stream("aac", rate=context.sample_rate, layout=layout)
        stream.codec_context.bit_rate = BITRATE
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=context.sample_rate, frame_size=1024)
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
