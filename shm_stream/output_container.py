"""Containers that are written to."""

from __future__ import annotations

from pathlib import Path

import av

SAFE_OPTIONS = {
    "mp4": {"movflags": "+hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"},
    "mov": {"movflags": "+hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"},
    "matroska": {"cluster_time_limit": "1000", "flush_packets": "1"},
    "webm": {"cluster_time_limit": "1000", "flush_packets": "1"},
}
"""On disk a second later at most, readable without an end. A finished mp4 is an ordinary one all the same."""


def open_output(path: Path, container: str, *, safe: bool = False):
    """PyAV's output container; `container` is FFmpeg's name. `safe`: see SAFE_OPTIONS. Raises av.FFmpegError."""
    options = {"movflags": "+faststart"} if container == "mp4" else {}
    if safe:
        options = SAFE_OPTIONS.get(container, {"flush_packets": "1"})
    return av.open(f"file:{path.absolute()}", "w", format=container, container_options=options)
