"""The sub-command `shm-stream bench`: how fast a whole job is on this machine, and where the time goes.

Figures go to stdout, everything else to stderr. What is written while measuring is deleted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_eval import say
from .cli_options import Parser, add_networks, parse_time
from .errors import InputError, ShmStreamError

if TYPE_CHECKING:
    from .job_options import JobOptions

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}
"""Height and width."""
DEFAULT_SIZE = "1080p"
DEFAULT_SECONDS = 10.0
GREEN = "#00b140"
DESCRIPTION = "Measure a whole job on this machine: video file in, H.264 file out, with the sound that the clip has."
EPILOG = """\
Without CLIP, the example clip is cropped, enlarged to --size (default: 1080p), repeated to --seconds and given a quiet
tone, since it has no sound. A CLIP is measured as it is, its first --seconds, with sound if it has any; with --size its
pictures are cropped, scaled and repeated, too.

  end to end        frames a second from the first frame asked for until the output file is complete
  networks alone    T-Net and M-Net side by side on frames in memory, without decoding, fusing and encoding
  first frame       seconds of a job of one frame in a process of its own, with its start and end: what a user waits for
                    before anything is done. Python, libraries and networks come from the disk cache
  core-ms a frame   time of all cores together; its share of all cores' time is the cores' utilisation
  tiles             share of the picture's tiles that M-Net drew. Where tiles with their halos would cost more than the
                    whole frame, the whole frame is drawn, which counts as all of its tiles
  busy, waiting     of each stage's thread; a stage that is mostly busy is the one that limits the speed
  queue             frames that waited for the stage, on average, and how many can: full ones are before what limits

Other programs that are running make all of it slower: repeat on a quiet machine, and compare only such runs.

Exit code: 0 done, 1 part of the clip could not be read, 2 bad input or options, 130 Ctrl-C.

examples:
  shm-stream bench
  shm-stream bench --size 720p --seconds 5 --json
  shm-stream bench talk.mp4 --bg beach.jpg
"""


def make_parser() -> Parser:
    """The parser of `shm-stream bench`."""
    parser = Parser(prog="shm-stream bench", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("clip", metavar="CLIP", nargs="?", type=Path, help="a video (default: the example clip)")
    parser.add_argument("--size", choices=[*SIZES], help="crop and scale the clip to this size")
    parser.add_argument(
        "--seconds", metavar="N", type=parse_time, default=DEFAULT_SECONDS, help="how much to measure (default: 10)"
    )
    parser.add_argument("--bg", metavar="BACKGROUND", default=GREEN, help=f"what to put behind (default: {GREEN})")
    networks = add_networks(parser)
    networks.add_argument("--dense", action="store_true", help="run M-Net on whole frames instead of tiles")
    group = parser.add_argument_group("messages")
    group.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    group.add_argument("-q", "--quiet", action="store_true", help="print figures and errors only")
    group.add_argument("-v", "--verbose", action="count", default=0, help="-vv: tracebacks of errors")
    return parser


def run_bench(argv: list[str]) -> int:
    """Run with the arguments after `bench` and return the exit code. Raises ShmStreamError."""
    arguments = make_parser().parse_args(argv)
    _check(arguments)
    from . import bench, bench_clip, bench_start, bench_text  # --help needs no media library, no networks

    clip = arguments.clip or bench_clip.example_clip()
    with tempfile.TemporaryDirectory(prefix="shm-stream-bench-") as folder:
        options = _job_options(arguments, clip, Path(folder))
        _tell(arguments, "measuring ...")
        figures, report = bench.measure(options)
        first = bench_start.first_frame_seconds(options.input, Path(folder) / "first.mkv", _words(arguments))
        facts = bench_text.facts(clip, options, figures, report, first)
    say(json.dumps(facts, indent=2) if arguments.json else bench_text.lines(facts))
    if report.input_warning:
        raise ShmStreamError(report.input_warning)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise InputError for what can be said before anything is opened."""
    if arguments.seconds <= 0:
        raise InputError(f"--seconds {arguments.seconds:g} is not usable; give more than 0")
    if arguments.bg == "transparent":
        raise InputError("bench writes H.264, which has no transparency; give another --bg")


def _job_options(arguments: argparse.Namespace, clip: Path, folder: Path) -> JobOptions:
    """The job to measure, its networks loaded and its clip made. Raises InputError."""
    from .bench_clip import open_video
    from .engine_choice import choose_runner
    from .job import Job
    from .job_options import JobOptions

    open_video(clip)
    options = JobOptions(
        input=clip,
        output=folder / "composite.mkv",  # holds every kind of sound
        bg=arguments.bg,
        preset=arguments.preset,
        runner=choose_runner(arguments.preset, arguments.runner, arguments.device),
        tnet_size=arguments.tnet_size,
        dense=arguments.dense,
        duration=arguments.seconds,
    )
    with Job(options):
        pass  # whatever is wrong is said before a clip is made, which takes a while
    return replace(options, input=_fitted(arguments, clip, folder))


def _words(arguments: argparse.Namespace) -> list[str]:
    """The options of the command for such a job."""
    given = {
        "--bg": arguments.bg,
        "--preset": arguments.preset,
        "--device": arguments.device,
        "--runner": arguments.runner,
        "--tnet-size": arguments.tnet_size,
    }
    # joined, so that a value may begin with a minus
    return [f"{name}={value}" for name, value in given.items() if value is not None] + ["--dense"] * arguments.dense


def _fitted(arguments: argparse.Namespace, clip: Path, folder: Path) -> Path:
    """The clip in the size asked for, made when need be."""
    from .bench_clip import make_clip_apart

    size = arguments.size or (DEFAULT_SIZE if arguments.clip is None else None)
    if size is None:
        return clip
    _tell(arguments, f"making {arguments.seconds:g} seconds of {clip.name} in {size} ...")
    target = folder / "clip.mkv"
    make_clip_apart(clip, target, SIZES[size], arguments.seconds, tone=arguments.clip is None)
    return target


def _tell(arguments: argparse.Namespace, line: str) -> None:
    if not (arguments.quiet or arguments.json):
        print(line, file=sys.stderr, flush=True)
