"""The command line's options, and how their text becomes numbers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from . import __version__
from .cli_controls import add_controls, add_page, controls_of, drop_page_options
from .cli_guides import add_guides
from .cli_live import add_live, live_options
from .delivery import PREMULTIPLIED, STRAIGHT, TARGETS
from .errors import InputError
from .live_target import OBS_PORT, STDOUT_FORMATS
from .memory_size import memory_size
from .obs_setup import FOUND
from .runners import RUNNERS

if TYPE_CHECKING:
    from .job_options import JobOptions

INPUT = "a video, an image, a folder of images, a camera (0), screen, a stream (rtsp://...), or - for stdin"
DESCRIPTION = "Cut people out of videos, images and folders of images, and put them before another background."
EPILOG = """\
BACKGROUND is an image, a video, a colour (#00b140 or a CSS name), blur, blur:1 to blur:100,
off (the scene as it is), or transparent.
TIME is in seconds or [HH:]MM:SS[.mmm].

examples:
  shm-stream talk.mp4 --bg beach.jpg -o rtmp://HOST/APP/KEY -o talk_out.mp4
  shm-stream talk.mp4 --bg beach.jpg                 writes talk_composite.mp4
  shm-stream talk.mp4 --bg transparent -o talk.mov   ProRes 4444 with alpha
  shm-stream talk.mp4 --alpha talk_alpha.mp4 -ss 1:30 -t 10
  shm-stream photos/ --bg "#00b140" -o green/
  shm-stream talk.mp4 --bg transparent -o cut/talk.%04d.exr --start-number 1001
  shm-stream 0 --bg beach.jpg --vcam                 a webcam as another webcam
  shm-stream rtsp://camera/stream --bg blur -o talk.mp4

To measure mattes against labels, or how steady they are: shm-stream eval (see shm-stream eval --help).
To measure how fast this machine is: shm-stream bench (see shm-stream bench --help).
To see what this machine has and lacks: shm-stream doctor.
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
    parser.add_argument("input", metavar="INPUT", help=INPUT)
    _add_outputs(parser)
    add_delivery(parser)
    networks = add_networks(parser)
    networks.add_argument("--dense", action="store_true", help="run M-Net on whole frames, to check its tiles")
    add_limits(networks)
    _add_range(parser)
    add_live(parser)
    add_guides(parser)
    add_controls(parser)
    add_page(parser)
    group = parser.add_argument_group("messages")
    group.add_argument("--report", metavar="PAGE", help="write an HTML page with pictures and what deserves a look")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    group.add_argument("-v", "--verbose", action="count", default=0, help="more facts; -vv: tracebacks of errors")
    group.add_argument("--version", action="version", version=f"shm-stream {__version__}", help="print the version")
    return parser


def _add_outputs(parser: Parser) -> None:
    group = parser.add_argument_group("outputs")
    group.add_argument("--bg", metavar="BACKGROUND", help="what to put behind the people")
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        action="append",
        help="composite: a file, a folder, or live: rtmp:// udp:// rtsp:// srt:// NAME.m3u8, - for stdout; may be "
        "repeated (default: INPUT's name with _composite)",
    )
    group.add_argument("--alpha", metavar="PATH", help="also write alpha as a grey picture")
    group.add_argument("--foreground", metavar="PATH", help="also write the people's own colours")
    group.add_argument(
        "--vcam",
        metavar="DEVICE",
        nargs="?",
        const="auto",
        help="show the composite in a virtual camera: a device (default: the first free one), pipewire, obs",
    )
    group.add_argument(
        "--obs", metavar="PORT", nargs="?", type=_whole, const=OBS_PORT, help=f"live alpha for OBS ({OBS_PORT})"
    )
    group.add_argument(
        "--obs-setup", metavar="ADDRESS", nargs="?", const=FOUND,
        help="make the source in OBS too, at ws://HOST:PORT (default: what OBS's settings say; a password comes from "
        "there or from OBS_WEBSOCKET_PASSWORD)",
    )  # fmt: skip
    group.add_argument("--bitrate", metavar="BITS", type=parse_bitrate, help="of pushes and .m3u8, such as 4M")
    group.add_argument("--stdout-format", choices=STDOUT_FORMATS, default="nut", help="of -o - (default: nut)")
    group.add_argument("--codec", metavar="NAME", help="video encoder of the composite, such as libx265")
    group.add_argument("--crf", metavar="N", type=_whole, help="quality of that encoder; lower is better and larger")
    group.add_argument("-y", "--overwrite", action="store_true", help="overwrite outputs that exist")


def add_delivery(parser: Parser) -> None:
    """Add the options of `Delivery`, and whom outputs are for."""
    group = parser.add_argument_group("how outputs are handed over")
    group.add_argument("--for", dest="target", choices=TARGETS, help="what that program takes (see docs/media.md)")
    group.add_argument("--bits", metavar="N", type=_whole, help="8, 10, 12 or 16 a channel (default: as the input)")
    group.add_argument("--image-format", metavar="NAME", help="of pictures in folders: png (default), tif, exr, ...")
    group.add_argument("--start-number", metavar="N", type=_whole, help="of a sequence's first picture (default: 0)")
    group.add_argument(
        "--alpha-mode", choices=[STRAIGHT, PREMULTIPLIED],
        help="colours beside alpha (default: premultiplied in EXR, else straight)",
    )  # fmt: skip
    curve = group.add_mutually_exclusive_group()
    curve.add_argument("--linear", action="store_true", default=None, help="linear light (default for EXR)")
    curve.add_argument("--srgb", dest="linear", action="store_false", help="colours encoded as in the input")
    group.add_argument("--sidecar", action="store_true", help="say what an output is in OUTPUT.json")


def add_networks(parser: Parser):
    """Add the options that choose networks and what runs them; returns their group."""
    group = parser.add_argument_group("networks")
    presets = "live, studio (better mattes, half as fast or less) or paper (default: live)"
    group.add_argument("--preset", metavar="NAME", default="live", help=presets)
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    group.add_argument("--runner", choices=[*RUNNERS], help="what runs the networks (default: the fastest there)")
    group.add_argument("--tnet-size", metavar="N", type=_whole, help="T-Net reads about N x N pixels of each frame")
    return group


def add_limits(group, of_whom: str = "") -> None:
    """Add the bounds of cores and of memory."""
    group.add_argument("--cores", metavar="N", type=_whole, help=f"use at most N cores{of_whom} (default: all)")
    text = f"stay below that much memory{of_whom}, such as 900M or 2G, if need be slower"
    group.add_argument("--max-memory", metavar="SIZE", type=parse_memory, help=text)


def _add_range(parser: Parser) -> None:
    group = parser.add_argument_group("part of the input")
    group.add_argument("-ss", "--start", metavar="TIME", type=parse_time, default=0.0, help="begin at TIME")
    group.add_argument("-t", "--duration", metavar="TIME", type=parse_time, help="take that long")
    group.add_argument("--frames", metavar="N", type=_whole, help="take at most N frames")
    group.add_argument("--rate", metavar="R", type=parse_rate, help="pictures a second of a folder (default: 25)")
    group.add_argument("--deinterlace", action="store_true", help="make whole pictures of interlaced video")
    group.add_argument("--hwaccel", metavar="DEVICE", help="decode a video file on a GPU: cuda, qsv, ...")


def job_options(arguments: argparse.Namespace, tell: Callable[[str], None]) -> JobOptions:
    """The parsed command line as options of a job.

    `tell` is given a line when a live input or output stalls, is lost or comes back.
    """
    from .job_options import JobOptions

    facts = {**vars(arguments)}
    for name in ("quiet", "verbose", "report"):
        del facts[name]
    drop_page_options(facts)
    live, controls = live_options(facts, tell), controls_of(facts)
    return JobOptions(**facts, controls=controls, live=live)


def parse_time(text: str) -> float:
    """Seconds of `90`, `90.5`, `1:30` or `0:01:30.500`. Raises ArgumentTypeError."""
    match = re.fullmatch(r"(?:(?:(\d+):)?([0-5]?\d):(?=[0-5]?\d(?:\.|$)))?(\d+(?:\.\d*)?|\.\d+)", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time; give seconds or [HH:]MM:SS[.mmm]")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse_rate(text: str) -> Fraction:
    """`24`, `24000/1001` or `23.976`, which means 24000/1001. Raises ArgumentTypeError."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}|/0*[1-9][0-9]{0,5})?", text) or not 1 <= Fraction(text) <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a rate; give 1 to 1000 a second, such as 24000/1001")
    rate = Fraction(text)
    film = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return film if "." in text and abs(rate - film) < Fraction(1, 150) else rate


def parse_bitrate(text: str) -> int:
    """Bits a second of `4M`, `2500k` or `2500000`. Raises ArgumentTypeError."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([kM]?)", text, re.ASCII)
    bits = round(float(match[1]) * {"": 1, "k": 1000, "M": 1_000_000}[match[2]]) if match else 0
    if not 10_000 <= bits <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a bit rate; give bits a second such as 2500k or 4M")
    return bits


def parse_memory(text: str) -> int:
    """`memory_size` for the command line. Raises ArgumentTypeError."""
    try:
        return memory_size(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(text)
