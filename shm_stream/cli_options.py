"""The command line's options, and how their text becomes numbers."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from . import __version__
from .errors import InputError
from .preset import PRESETS
from .runners import RUNNERS

if TYPE_CHECKING:
    from .job import JobOptions

DESCRIPTION = "Cut people out of videos, images and folders of images, and put them before another background."
EPILOG = """\
BACKGROUND is an image, a video, a colour (#00b140 or a CSS name), blur, blur:1 to blur:100, or transparent.
TIME is in seconds or [HH:]MM:SS[.mmm].

examples:
  shm-stream talk.mp4 --bg beach.jpg                 writes talk_composite.mp4
  shm-stream talk.mp4 --bg transparent -o talk.mov   ProRes 4444 with alpha
  shm-stream talk.mp4 --alpha talk_alpha.mp4 -ss 1:30 -t 10
  shm-stream photos/ --bg "#00b140" -o green/

To measure mattes against labels, or how steady they are: shm-stream eval (see shm-stream eval --help).
To measure how fast this machine is: shm-stream bench (see shm-stream bench --help).
To make whole folders, and go on after an interruption: shm-stream batch (see shm-stream batch --help).
"""


class Parser(argparse.ArgumentParser):
    """Keeps the lines of its texts, and says what is wrong in one line instead of printing the whole usage."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str):
        raise InputError(f"{message} (see {self.prog} --help)")


def make_parser() -> Parser:
    """The parser of `shm-stream`."""
    parser = Parser(prog="shm-stream", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("input", metavar="INPUT", help="a video, an image, or a folder of images")
    _add_outputs(parser)
    networks = add_networks(parser)
    networks.add_argument("--dense", action="store_true", help="run M-Net on whole frames, to check its tiles")
    _add_range(parser)
    group = parser.add_argument_group("messages")
    group.add_argument("--report", metavar="PAGE", help="write an HTML page with pictures and what deserves a look")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    group.add_argument("-v", "--verbose", action="count", default=0, help="more facts; -vv: tracebacks of errors")
    group.add_argument("--version", action="version", version=f"shm-stream {__version__}", help="print the version")
    return parser


def _add_outputs(parser: Parser) -> None:
    group = parser.add_argument_group("outputs")
    group.add_argument("--bg", metavar="BACKGROUND", help="what to put behind the people")
    group.add_argument("-o", "--output", metavar="PATH", help="composite (default: INPUT's name with _composite)")
    group.add_argument("--alpha", metavar="PATH", help="also write alpha as a grey picture")
    group.add_argument("--foreground", metavar="PATH", help="also write the people's own colours")
    group.add_argument(
        "--vcam", metavar="DEVICE", nargs="?", const="auto", help="show the composite in a virtual camera"
    )
    group.add_argument("--codec", metavar="NAME", help="video encoder of the composite, such as libx265")
    group.add_argument("--crf", metavar="N", type=_whole, help="quality of that encoder; lower is better and larger")
    group.add_argument("-y", "--overwrite", action="store_true", help="overwrite outputs that exist")


def add_networks(parser: Parser):
    """Add the options that choose networks and what runs them; returns their group."""
    group = parser.add_argument_group("networks")
    group.add_argument("--preset", default="live", help=f"{' or '.join(PRESETS)} (default: live)")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    group.add_argument("--runner", choices=[*RUNNERS], help="what runs the networks (default: by device)")
    group.add_argument("--tnet-size", metavar="N", type=_whole, help="T-Net reads about N x N pixels of each frame")
    return group


def _add_range(parser: Parser) -> None:
    group = parser.add_argument_group("part of the input")
    group.add_argument("-ss", "--start", metavar="TIME", type=parse_time, default=0.0, help="begin at TIME")
    group.add_argument("-t", "--duration", metavar="TIME", type=parse_time, help="take that long")
    group.add_argument("--frames", metavar="N", type=_whole, help="take at most N frames")


def job_options(arguments: argparse.Namespace) -> JobOptions:
    """The parsed command line as options of a job."""
    from .job import JobOptions

    facts = {**vars(arguments)}
    for name in ("quiet", "verbose", "report"):
        del facts[name]
    return JobOptions(**facts)


def parse_time(text: str) -> float:
    """Seconds of `90`, `90.5`, `1:30` or `0:01:30.500`. Raises ArgumentTypeError."""
    match = re.fullmatch(r"(?:(?:(\d+):)?([0-5]?\d):(?=[0-5]?\d(?:\.|$)))?(\d+(?:\.\d*)?|\.\d+)", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time; give seconds or [HH:]MM:SS[.mmm]")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(text)
