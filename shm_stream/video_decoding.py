"""Packets of a video file → pictures, whatever is damaged, and what one pass through the file met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av

INDEXED_FORMATS = ("mov", "matroska", "avi")
"""Containers whose header states the true duration, so that a missing end can be noticed."""


@dataclass
class DecodeProgress:
    """What one pass through the file met."""

    bad_packets: int = 0
    failure: av.FFmpegError | None = None
    reached_seconds: float = 0.0
    """End of the last packet of any stream, counted from the start of the file."""
    header_is_exact: bool = False
    limit_reached: bool = False

    def reset(self) -> None:
        self.__init__()


def decode_all(container, stream, progress: DecodeProgress) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded. Damage is noted in `progress`, not raised."""
    progress.header_is_exact = any(name in container.format.name for name in INDEXED_FORMATS)
    start_seconds = (container.start_time or 0) / 1e6
    try:
        for packet in container.demux():
            if packet.dts is None and packet.size == 0 and packet.stream is not stream:
                continue
            _note_position(packet, start_seconds, progress)
            if packet.stream is stream:
                yield from decode_packet(packet, progress)
    except av.FFmpegError as error:
        progress.failure = error
        yield from _drain(stream, progress)


def _note_position(packet, start_seconds: float, progress: DecodeProgress) -> None:
    if packet.pts is not None and packet.time_base:
        end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - start_seconds
        progress.reached_seconds = max(progress.reached_seconds, end)


def decode_packet(packet, progress: DecodeProgress) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.FFmpegError:
        progress.bad_packets += 1
        return []


def _drain(stream, progress: DecodeProgress) -> list[av.VideoFrame]:
    """What the decoder still holds after reading has failed."""
    try:
        return stream.codec_context.decode(None)
    except av.FFmpegError:
        return []


def rising(pictures, step: int) -> Iterator[tuple[av.VideoFrame, int]]:
    """Give frames without a timestamp the next one by rate, and move those that do not rise one unit on."""
    last = None
    for picture in pictures:
        pts = picture.pts
        if pts is None:
            pts = 0 if last is None else last + step
        elif last is not None and pts <= last:
            pts = last + 1
        last = pts
        yield picture, pts
