"""Parts of a video, each encoded on its own, joined packet by packet: nothing is encoded twice."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from . import partial
from .audio import AudioCopy, copied_stream
from .carried import carry_facts
from .encoder_frames import number_at
from .errors import ShmStreamError
from .output_container import open_output
from .video_codecs import container_of
from .video_container import open_container


def join_videos(
    parts: list[Path],
    target: Path,
    times: list[int],
    time_base: Fraction,
    *,
    rate: Fraction,
    audio_from: Path | None = None,
    audio_origin: Fraction = Fraction(0),
    cut_start: bool = False,
    cut_end: bool = False,
) -> None:
    """Write the pictures of `parts`, in order, to `target`.

    Picture i is shown from `times[i]` to `times[i + 1]`, in units of `time_base`: there is a time more than pictures.
    `rate`: pictures a second, as the header says it.
    Audio, titles and chapters of the input are copied as `sink_video.VideoSink` does; `audio_origin` is when, in
    seconds of the input, the output begins. Raises ShmStreamError when the parts do not fit together; then no file is
    left.
    """
    unfinished, container = partial.partial_path(target), container_of(target)
    try:
        with open_container(parts[0]) as first, open_output(unfinished, container) as output:
            if container == "avi":
                times, time_base = _numbers(rate, times, time_base), 1 / rate
            video = _copied_video(first.streams.video[0], output, rate)
            video.time_base = time_base
            audio = AudioCopy(audio_from, output, container) if audio_from is not None else None
            if audio is not None:
                length = float((times[-1] - times[0]) * time_base) if cut_end else None
                carry_facts(audio_from, output, origin_seconds=audio_origin, duration_seconds=length)
                audio.start(audio_origin, cut=cut_start)
            for packet, begin, end in _timed(parts, times):
                packet.stream, packet.time_base = video, time_base
                packet.pts = packet.dts = begin
                packet.duration = end - begin
                _mux_audio(audio, output, end * time_base)
                output.mux(packet)
            _mux_audio(audio, output, times[-1] * time_base if cut_end else float("inf"))
            if audio is not None:
                audio.close()
        partial.commit(unfinished, target)
    except (av.FFmpegError, OSError) as error:
        raise ShmStreamError(f"cannot write {target}: {error.strerror or error}; nothing was kept") from error
    finally:
        partial.discard(unfinished)


def _copied_video(stream, output, rate: Fraction):
    """Containers are the same, so are the codec's names in them: without its own, ProRes 4444 would be called 422."""
    copy = copied_stream(stream, output)
    copy.codec_context.framerate = rate.limit_denominator(1 << 20)  # timecode cannot be written without
    copy.codec_context.codec_tag = stream.codec_context.codec_tag
    copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio or Fraction(1)
    return copy


def _numbers(rate: Fraction, times: list[int], time_base: Fraction) -> list[int]:
    """What AVI has in the place of times."""
    numbers, last = [], -1
    for time in times:
        last = number_at(rate, time, time_base, last)
        numbers.append(last)
    return numbers


def _timed(parts: list[Path], times: list[int]) -> Iterator[tuple]:
    """(packet, begin, end) of every picture. Encoders are told to make no B-frames, so packets come in order."""
    count, known = 0, None
    shown = pairwise(times)
    for path in parts:
        with open_container(path) as part:
            stream = part.streams.video[0]
            header = bytes(stream.codec_context.extradata or b"")
            if known not in (None, header):
                raise ShmStreamError(f"{path} does not continue the part before; do without --chunk")
            known = header
            for packet in part.demux(stream):
                if packet.size:
                    begin, end = next(shown, (None, None))
                    if begin is not None:
                        yield packet, begin, end
                    count += 1
    if count != len(times) - 1:
        raise ShmStreamError(f"the parts hold {count} pictures instead of {len(times) - 1}; do without --chunk")


def _mux_audio(audio: AudioCopy | None, output, end_seconds) -> None:
    for packet in audio.packets_until(end_seconds) if audio is not None else ():
        output.mux(packet)
