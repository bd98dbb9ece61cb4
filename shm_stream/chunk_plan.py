"""How a long video is cut into chunks that are made apart from each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from .batch_masks import MASKS
from .guides import open_guides
from .job_options import JobOptions
from .masks import is_still
from .source_images import list_images
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
    mask_seconds: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Option of the job → where in its video of masks that of each frame lies, from the video's first frame on."""

    def seconds(self, index: int) -> float:
        """Where a frame lies in the file, for `-ss`."""
        return self.first_seconds + float(self.times[index] * self.time_base)


def plan_chunks(options: JobOptions, chunk_seconds: float) -> Plan | None:
    """None for a video that is too short to be cut, or whose packets do not tell where its frames are, or those of the
    job's masks, or which has more frames than masks.

    Raises InputError when it or a mask cannot be used.
    """
    source = _open(options.input, options)
    all_times, wanted = _times_of(source, options)
    if not wanted:
        return None
    unit = source.time_base
    times = tuple(time - wanted[0] for time in wanted)
    count = round(float(times[-1] * unit) / chunk_seconds)
    if count < 2 or len(times) < count * LEAD_IN:  # the lead-ins would cost more than what is gained
        return None
    open_guides(options, source).close()
    mask_seconds = _mask_seconds(options, len(times))
    if mask_seconds is None:
        return None
    borders = [index * len(times) // count for index in range(count + 1)]
    chunks = tuple(Chunk(number, *border) for number, border in enumerate(pairwise(borders)))
    start = float((wanted[0] - all_times[0]) * unit)
    return Plan(times, start, unit, chunks, wanted[-1] == all_times[-1], mask_seconds)


def _open(path, options: JobOptions) -> VideoSource:
    """A video cut as the job cuts it."""
    cut = {"start_seconds": options.start, "duration_seconds": options.duration, "max_frames": options.frames}
    return VideoSource(Path(path), **cut)


def _times_of(source: VideoSource, options: JobOptions) -> tuple[list[int], list[int]]:
    """(when all frames are shown, those that the job takes), in units of the time base; empty if the packets do not
    tell."""
    times = packet_times(source.path)
    if not times or source.first_pts != times[0]:
        return [], []
    return times, _wanted(times, options, source.time_base)


def _mask_seconds(options: JobOptions, count: int) -> dict[str, tuple[float, ...]] | None:
    """Option → where each of the first `count` pictures of its video of masks lies; None if there are not so many, or
    the packets do not tell."""
    found = {}
    for what in MASKS:
        path = getattr(options, what) and Path(getattr(options, what))
        if path is None or is_still(path):
            continue
        if path.is_dir():
            if len(list_images(path)) < count:
                return None
            continue
        source = _open(path, options)
        all_times, wanted = _times_of(source, options)
        if len(wanted) < count:
            return None
        found[what] = tuple(float((time - all_times[0]) * source.time_base) for time in wanted[:count])
    return found


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
