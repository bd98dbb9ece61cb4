"""What a job did, in a few lines."""

from __future__ import annotations

from .words import counted


def summary(report) -> str:
    """`64 frames in 3.1 s (20.6 fps) · device cpu · runner native · kernel avx2 → beach.mp4`."""
    speed = f"{counted(report.frames, 'frame')} in {report.seconds:.1f} s ({report.fps:.1f} fps)"
    paths = ", ".join(str(path) for path in report.outputs.values()) or "control page"
    facts = f"device {report.device} · runner {report.runner} · kernel {report.kernel}"
    return f"{speed}{_live(report)} · {facts} → {paths}"


def _live(report) -> str:
    """What became of a live input's other frames; nothing for files."""
    dropped = f" · {counted(report.dropped, 'older frame')} dropped to keep up" if report.dropped else ""
    changed = f" · quality changed {counted(report.quality_changes, 'time')}, at the end {report.quality}"
    again = f" · connected again {counted(report.reconnects, 'time')}" if report.reconnects else ""
    paused = f" · paused for {report.paused_seconds:.0f} s while nobody watched" if report.paused_seconds else ""
    return dropped + (changed if report.quality_changes else "") + again + paused


def live_lines(report) -> list[str]:
    """`rtmp://host/live/...: 250 frames sent, 3 dropped, connected again 1 time` for each, then the latency."""
    lines = []
    for output in report.live:
        again = f", connected again {counted(output.reconnects, 'time')}" if output.reconnects else ""
        lines.append(f"{output.name}: {counted(output.sent, 'frame')} sent, {output.dropped} dropped{again}")
    if report.latency is not None:
        delays = report.latency
        lines.append(
            f"latency from decoder to outputs: {delays.p50_ms:.0f} ms (95 % of frames below {delays.p95_ms:.0f} ms, "
            f"99 % below {delays.p99_ms:.0f} ms)"
        )
    if report.sound_offset_ms is not None:
        lines.append(
            f"to have a microphone in step, delay it by {report.sound_offset_ms} ms; in OBS: Edit, Advanced Audio "
            f"Properties, Sync Offset"
        )
    return lines
