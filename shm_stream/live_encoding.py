"""H.264 and AAC for viewers who are there now: a short way to the picture, a key frame every two seconds."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from .audio import AudioCopy
from .audio_encoded import EncodedAudio, first_is_aac
from .colour import ColourTags
from .planes import frame_from_rgb, new_planes, set_tags
from .stream_audio import SoundCopy, StreamAudio
from .stream_audio_encoded import EncodedSound
from .video_codecs import Encoding, add_video_stream
from .yuv_planes import YuvPlanes

TIME_BASE = Fraction(1, 90000)
KEY_SECONDS = 2
BITS_PER_PIXEL = 0.1
LEAST_BITRATE, MOST_BITRATE = 400_000, 8_000_000


class LiveEncoding:
    """What each connection to a live output begins with: its streams in a new container."""

    def __init__(self, container: str, source, *, bitrate: int | None, audio_from, muxer_options=None):
        """`container`: FFmpeg's name. `bitrate` in bits a second, None: by size and rate of the source."""
        self.container = container
        self.size = (source.width & ~1, source.height & ~1)  # yuv420p in H.264 has even sides
        self._source, self._audio_from = source, audio_from
        self._muxer_options = muxer_options or {}
        self._encoding = Encoding(container, "libx264", "yuv420p", self._options(bitrate), source.colour)

    def _options(self, bitrate: int | None) -> dict[str, str]:
        rate = float(self._source.rate)
        usual = self.size[0] * self.size[1] * rate * BITS_PER_PIXEL
        bits = str(bitrate or round(min(max(usual, LEAST_BITRATE), MOST_BITRATE)))
        steady = {"b": bits, "maxrate": bits, "bufsize": bits}  # never more than a second's worth at once
        return {
            "preset": "superfast",
            "tune": "zerolatency",
            "g": str(max(1, round(KEY_SECONDS * rate))),
            "forced-idr": "1",
            **steady,
        }

    def open(self, file) -> LiveMuxer:
        """Write the header to `file`, a path or an object with `write`. Raises OSError."""
        output = av.open(file, "w", format=self.container, container_options=self._muxer_options)
        stream = add_video_stream(output, self._encoding, self.size, self._source.rate)
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        stream.codec_context.sample_aspect_ratio = self._source.sample_aspect_ratio
        audio = None
        if isinstance(self._audio_from, StreamAudio):
            audio = _sound_of(self._audio_from, output)
        elif self._audio_from is not None:
            kind = AudioCopy if first_is_aac(self._audio_from) else EncodedAudio
            audio = kind(self._audio_from, output, self.container, first_only=True)
        output.start_encoding()
        return LiveMuxer(output, stream, audio, self._source)


def _sound_of(audio: StreamAudio, output) -> SoundCopy:
    return SoundCopy(audio, output, first_only=True) if audio.first_is_aac else EncodedSound(audio, output)


class LiveMuxer:
    """One connection; its time begins with its first picture."""

    def __init__(self, output, stream, audio: AudioCopy | None, source):
        self._output, self._stream, self._audio, self._source = output, stream, audio, source
        self._first_seconds: Fraction | None = None
        self._next_key = Fraction(0)

    def write(self, picture: av.VideoFrame, seconds: Fraction, duration: Fraction) -> None:
        """Append a picture of `copy_picture`, with the sound until its end. Raises OSError."""
        if self._first_seconds is None:
            self._begin(seconds)
        shown = seconds - self._first_seconds
        if shown >= self._next_key:  # the encoder counts frames, and some may have been dropped
            picture.pict_type = av.video.frame.PictureType.I
            self._next_key = shown + KEY_SECONDS
        picture.pts, picture.time_base = round(shown / TIME_BASE), TIME_BASE
        picture.duration = round(duration / TIME_BASE)
        if self._audio is not None:
            for packet in self._audio.packets_until(shown + duration):
                self._output.mux(packet)
        self._output.mux(self._stream.encode(picture))

    def _begin(self, seconds: Fraction) -> None:
        self._first_seconds = seconds
        if self._audio is not None:
            self._audio.start((self._source.origin_seconds or 0) + seconds, cut=True)

    def close(self) -> None:
        """Write what the encoder holds, and the end. Raises OSError."""
        try:
            self._output.mux(self._stream.encode(None))
        finally:
            if self._audio is not None:
                self._audio.close()
            self._output.close()


def copy_picture(picture: np.ndarray | YuvPlanes, size: tuple[int, int], tags: ColourTags) -> av.VideoFrame:
    """A composite as a yuv420p frame of its own. `size` (width, height): what lies beyond is cut off."""
    width, height = size
    if not isinstance(picture, YuvPlanes):
        return frame_from_rgb(np.ascontiguousarray(picture[:height, :width]), "yuv420p", tags)
    copy = new_planes(height, width, tags)
    copy.y[...] = picture.y[:height, :width]
    rows, columns = copy.u.shape
    copy.u[...], copy.v[...] = picture.u[:rows, :columns], picture.v[:rows, :columns]
    return set_tags(copy.frame, tags)
