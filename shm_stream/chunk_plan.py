"""How a long video is cut into chunks that are made apart from each other."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from .job_options import JobOptions
from .source_video import VideoSource
from .video_container import open_container, video_stream

LEAD_IN = 24
"""Frames before a chunk that bring the prior to where it would be. The trimap forgets how it began: in 16 starts in
6 clips alpha was within one step of the whole video's after 2 to 9 frames, and once after 16."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive frames of a shot."""

    number: int
    """From 0."""
    begin: int
    """Its first frame, counted from the first of the shot."""
    end: int
    """The frame after its last one."""

    @property
    def lead_in(self) -> int:
        return min(LEAD_IN, self.begin)


@dataclass(frozen=True)
class Plan:
    """All chunks of a shot."""

    times: tuple[int, ...]
    """When each frame is shown, in units of the video's time base; the first at 0."""
    first_seconds: float
    """Where the first frame lies in the file, from the file's own first frame on."""
    time_base: Fraction
    chunks: tuple[Chunk, ...]
    whole: bool
    """Whether the last frame is the last of the file."""

    def seconds(self, index: int) -> float:
        """Where a frame lies in the file, for `-ss`."""
        return self.first_seconds + float(self.times[index] * self.time_base)


def plan_chunks(options: JobOptions, chunk_seconds: float) -> Plan | None:
    """None for a video that is too short to be cut or whose packets do not tell where its frames are.

    Raises InputError when it cannot be read.
    """
    source = VideoSource(Path(options.input))
    all_times = packet_times(source.path)
    if not all_times or source.first_pts != all_times[0]:
        return None
    unit = source.time_base
    wanted = _wanted(all_times, options, unit)
    if not wanted:
        return None
    times = tuple(time - wanted[0] for time in wanted)
    count = round(float(times[-1] * unit) / chunk_seconds)
    if count < 2 or len(times) < count * LEAD_IN:  # the lead-ins would cost more than what is gained
        return None
    borders = [index * len(times) // count for index in range(count + 1)]
    chunks = tuple(Chunk(number, *border) for number, border in enumerate(pairwise(borders)))
    start = float((wanted[0] - all_times[0]) * unit)
    return Plan(times, start, unit, chunks, whole=wanted[-1] == all_times[-1])


def packet_times(path: Path) -> list[int] | None:
    """When the frames of a video are shown, read without decoding them; None if the packets do not tell."""
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
            times = [None if packet.is_corrupt else packet.pts for packet in packets]
    except av.FFmpegError:
        return None
    return None if None in times or len(set(times)) < len(times) else sorted(times)


def _wanted(times: list[int], options: JobOptions, unit) -> list[int]:
    """Those between start and end, as `VideoSource` takes them."""
    first = times[0] + round(Fraction(options.start) / unit)
    end = None if options.duration is None else first + round(Fraction(options.duration) / unit)
    chosen = [time for time in times if time >= first and (end is None or time < end)]
    return chosen[: options.frames]
