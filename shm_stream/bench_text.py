"""What `shm-stream bench` prints: facts and figures, as an object for JSON and as lines."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path

from . import __version__
from .bench import Figures
from .engine_choice import threads_of
from .job_options import JobOptions
from .job_report import Report
from .machine import cores, loaded_versions, processor
from .preset import get_preset
from .video_container import open_container, video_stream


def facts(clip: Path, options: JobOptions, figures: Figures, report: Report, first_frame_seconds: float) -> dict:
    """Everything that was measured, and where and on what. `clip`: what the input of the job was made of, or is."""
    return asdict(figures) | {
        "first_frame_seconds": first_frame_seconds,
        "clip": clip_facts(clip, options.input),
        "output": output_facts(options.output),
        "settings": {
            "preset": options.preset,
            "tnet_size": options.tnet_size or get_preset(options.preset).tnet_size,
            "dense": options.dense,
            "bg": options.bg,
        },
        "ran_on": {"device": report.device, "runner": report.runner, "kernel": report.kernel},
        "threads": asdict(threads_of(options)),
        "machine": {"processor": processor(), "cores": cores(), "system": platform.platform()},
        "versions": {"shm_stream": __version__, **loaded_versions()},
    }


def clip_facts(original: Path, measured: Path) -> dict:
    """What was read. Another file than the original was made of it."""
    with open_container(measured) as container:
        stream = video_stream(container, measured)
        return {
            "path": str(original),
            "fitted": original != measured,
            "width": stream.width,
            "height": stream.height,
            "rate_fps": round(float(stream.average_rate or stream.guessed_rate), 3),
            "codec": stream.codec_context.name,
            "audio_streams": len(container.streams.audio),
            "audio_generated": bool(container.streams.audio) and not _audio_streams(original),
        }


def output_facts(path: Path) -> dict:
    """What was written."""
    with open_container(path) as container:
        codec = video_stream(container, path).codec_context.name
        return {"codec": codec, "audio_streams": len(container.streams.audio)}


def _audio_streams(path: Path) -> int:
    with open_container(path) as container:
        return len(container.streams.audio)


def lines(facts: dict) -> str:
    """The same to read."""
    return "\n".join([*_heading(facts), "", *_figures(facts), "", *_stages(facts["stages"])])


def _heading(facts: dict) -> list[str]:
    names = ("clip", "output", "machine", "ran_on", "settings", "threads")
    clip, output, machine, ran, settings, threads = (facts[name] for name in names)
    sound = _sound(clip) + (" (a tone)" if clip["audio_generated"] else "")
    size = f"{'fitted to ' if clip['fitted'] else ''}{clip['width']}x{clip['height']}"
    versions = " · ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return [
        f"clip      {clip['path']}, {size}, {clip['rate_fps']:g} fps, {clip['codec']}, {sound}",
        f"output    {output['codec']}, {_sound(output)}{' copied' if output['audio_streams'] else ''}",
        f"machine   {machine['processor']} · {machine['cores']} cores · {machine['system']}",
        f"ran on    device {ran['device']} · runner {ran['runner']} · kernel {ran['kernel']}",
        f"threads   decoder {threads['decoder']} · networks {threads['network']} each · "
        f"kernels {threads['kernels']} each · encoder {threads['encoder']}",
        f"settings  preset {settings['preset']} · T-Net size {settings['tnet_size']} · background {settings['bg']}"
        + (" · dense" if settings["dense"] else ""),
        f"versions  {versions}",
    ]


def _sound(file: dict) -> str:
    return f"{file['audio_streams']} audio" if file["audio_streams"] else "no audio"


def _figures(facts: dict) -> list[str]:
    memory, run = facts["peak_rss_mb"], f"{facts['frames']} frames in {facts['wall_seconds']:.1f} s"
    return [
        f"end to end       {facts['end_to_end_fps']:8.1f} fps   {run}",
        f"networks alone   {facts['network_only_fps']:8.1f} fps",
        f"first frame      {facts['first_frame_seconds']:8.2f} s     a whole process that makes one",
        f"core-ms a frame  {facts['core_ms_per_frame']:8.1f}",
        f"utilisation      {facts['utilisation_percent']:8.1f} %     of {facts['machine']['cores']} cores",
        f"peak memory      {'unknown' if memory is None else format(memory, '.0f'):>8} MB",
        _tiles(facts),
    ]


def _tiles(facts: dict) -> str:
    tiles, whole = facts["mnet_tiles_percent"], facts["mnet_whole_frames_percent"]
    if tiles is None:
        return "tiles of M-Net        all         (a GPU draws whole frames)"
    return f"tiles of M-Net   {tiles:8.1f} %     whole frame in {whole:.1f} % of the frames"


def _stages(stages: list[dict]) -> list[str]:
    titles = f"{'ms a frame':<12}{'busy':>8}{'waiting for input':>20}{'for the next stage':>21}{'frames in queue':>18}"
    rows = (f"{s['name']:<12}{s['busy_ms']:8.1f}{s['wait_input_ms']:20.1f}{s['wait_output_ms']:21.1f}" for s in stages)
    return [titles, *(row + _queue(stage) for row, stage in zip(rows, stages, strict=True))]


def _queue(stage: dict) -> str:
    """How full the queue before the stage was; the source has none."""
    if stage["queue_limit_frames"] is None:
        return f"{'-':>18}"
    return f"{stage['queued_frames_mean']:.1f} of {stage['queue_limit_frames']}".rjust(18)
