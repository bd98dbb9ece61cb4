"""A stream's first sound as AAC, for live outputs that take nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from .audio_encoded import FRAME_SIZE, add_aac_stream
from .stream_audio import Sound, SoundCopy, StreamAudio

SLACK_SECONDS = 0.010
"""Timestamps of packets may be off by that much (FLV's are whole milliseconds) before samples are moved for them."""
SILENCE_SECONDS = 1
"""How much silence is encoded at once where sound is missing."""


class EncodedSound(SoundCopy):
    """Like SoundCopy, but decoded and encoded again. Where packets are missing, silence keeps what follows in step."""

    def __init__(self, audio: StreamAudio, output):
        """`audio` has a sound. `output`: see SoundCopy."""
        super().__init__(audio, output, first_only=True)
        own, new = audio.templates[0].codec_context, self._targets[0].codec_context
        self._decoder = av.CodecContext.create(own.name, "r")
        self._decoder.sample_rate, self._decoder.layout = own.sample_rate, own.layout
        if own.extradata:
            self._decoder.extradata = own.extradata
        self._rate = new.sample_rate
        self._resampler = av.AudioResampler("fltp", new.layout, self._rate)
        self._samples = np.zeros((new.layout.nb_channels, 0), np.float32)  # decoded, not yet encoded
        self._encoded = 0  # samples

    def _target(self, output, template):
        return add_aac_stream(output, template.codec_context)

    def _packets(self, sound: Sound, target) -> Iterator[av.Packet]:
        seconds = sound.seconds - self._origin_seconds
        for frame in self._decoded(sound):
            for part in self._resampler.resample(frame):
                yield from self._placed(part.to_ndarray(), seconds, target)
                seconds += Fraction(part.samples, self._rate)

    def _decoded(self, sound: Sound) -> list[av.AudioFrame]:
        try:
            return self._decoder.decode(av.Packet(sound.data))
        except av.FFmpegError:
            return []  # damage is silence

    def _placed(self, samples: np.ndarray, seconds: Fraction, target) -> Iterator[av.Packet]:
        """Append [channels, samples] float32 that sound at `seconds`, and encode what fills packets."""
        late = round(seconds * self._rate) - self._encoded - self._samples.shape[1]
        if abs(late) <= SLACK_SECONDS * self._rate and self._encoded + self._samples.shape[1]:
            late = 0
        while late > 0:
            silence = min(late, SILENCE_SECONDS * self._rate)
            yield from self._filled(np.zeros((len(samples), silence), np.float32), target)
            late -= silence
        yield from self._filled(samples[:, -late:], target)

    def _filled(self, samples: np.ndarray, target) -> Iterator[av.Packet]:
        self._samples = np.concatenate([self._samples, samples], axis=1)
        while self._samples.shape[1] >= FRAME_SIZE:
            packets = target.encode(self._frame(self._samples[:, :FRAME_SIZE], target))
            yield from (packet for packet in packets if packet.pts >= 0)  # the encoder's own beginning lies before
            self._samples = self._samples[:, FRAME_SIZE:]
            self._encoded += FRAME_SIZE

    def _frame(self, samples: np.ndarray, target) -> av.AudioFrame:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", target.codec_context.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._encoded, Fraction(1, self._rate)
        return frame
