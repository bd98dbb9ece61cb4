"""The sub-command `shm-stream eval`: how good the mattes of labelled photos are, how steady those of a video.

Figures go to stdout, progress and errors to stderr. Nothing is written to files before everything is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from .cli_controls import add_steadiness
from .cli_options import Parser, add_networks
from .errors import InputError, ShmStreamError
from .labelled import SPLITS
from .partial import write_texts

STDOUT = "-"
DESCRIPTION = "Measure mattes of labelled photos, or of a video, with the networks and the pipeline that users run."
EPILOG = """\
FOLDER holds photos X.jpg (or .png, .webp), each with X.alpha.png (true alpha, 0 to 255), X.mask.png (person 255,
rest 0) or both; photos without them are skipped. --split validation takes every 14th labelled photo by name, which
training never sees; --split train takes the others.

  against X.alpha.png   SAD, MSE, Grad, Conn in units of the paper: per pixel, x 1e3 (Grad and Conn x 1e5)
                        MAD, MSE, Grad, Conn in units of Robust Video Matting: means x 1e3, sums / 1000
  against X.mask.png    mIoU: mean IoU of person and background in percent, alpha of at least 0.5 being person
  nobody in the label   empty: mean alpha x 1e3, instead of mIoU

TRUTH is a video or a folder of pictures, frame for frame the alpha of CLIP (its luma is taken): the same figures, means
over the frames, and dtSSD x 1e2 as Robust Video Matting has it; for mIoU truth of at least 0.5 is person, and frames
without any are left out. Without TRUTH, flicker is printed: the mean change of alpha from frame to frame (x 1e3) after
the motion of the picture is taken out, with T-Net told of the frame before and without.

Exit code: 0 done, 1 part of the input could not be read or a file not be written, 2 bad input or options.

examples:
  shm-stream eval portraits/ --html report.html
  shm-stream eval portraits/ --split validation -q --json -
  shm-stream eval --video talk.mp4 --alpha talk_alpha.mp4
  shm-stream eval --video talk.mp4
"""


def make_parser() -> Parser:
    """The parser of `shm-stream eval`."""
    parser = Parser(prog="shm-stream eval", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("folder", metavar="FOLDER", nargs="?", help="a folder of labelled photos")
    parser.add_argument("--split", choices=SPLITS, help="which of the photos (default: all)")
    group = parser.add_argument_group("instead of photos")
    group.add_argument("--video", metavar="CLIP", help="measure the matte of a video")
    group.add_argument("--alpha", metavar="TRUTH", help="true alpha of CLIP; without it flicker is measured")
    add_steadiness(group)
    group = parser.add_argument_group("outputs")
    group.add_argument("--json", metavar="PATH", help="also write all figures as JSON; - prints JSON instead of lines")
    group.add_argument("--html", metavar="PATH", help="also write a page with the worst and the median photos")
    group.add_argument("-y", "--overwrite", action="store_true", help="overwrite files that exist")
    add_networks(parser)
    group = parser.add_argument_group("messages")
    group.add_argument("-q", "--quiet", action="store_true", help="print the means only, no progress")
    group.add_argument("-v", "--verbose", action="count", default=0, help="-vv: tracebacks of errors")
    return parser


def run_eval(argv: list[str]) -> int:
    """Run with the arguments after `eval` and return the exit code. Raises ShmStreamError."""
    arguments = make_parser().parse_args(argv)
    _check_together(arguments)
    from . import eval_run  # after the options: --help needs neither media library nor networks

    run = eval_run.run_photos if arguments.video is None else eval_run.run_video
    outcome = run(arguments, _nothing if arguments.json == STDOUT else say)
    if arguments.json == STDOUT:
        say(outcome.json.rstrip("\n"))
    write_texts(outcome.files(arguments))
    if outcome.problem:
        raise ShmStreamError(outcome.problem)
    return 0


def _check_together(arguments: argparse.Namespace) -> None:
    """Raise InputError for options that do not belong together."""
    if arguments.html == STDOUT:
        raise InputError("--html needs the name of a file; only --json can go to standard output")
    if arguments.video is None:
        if arguments.alpha is not None:
            raise InputError("--alpha is the truth of a --video; labels of photos lie beside them as X.alpha.png")
        if arguments.temporal or arguments.lookahead:
            raise InputError("--temporal and --lookahead need the frames of a --video")
        if arguments.folder is None:
            raise InputError("give a FOLDER of labelled photos, or --video CLIP (see shm-stream eval --help)")
        return
    if arguments.folder is not None:
        raise InputError("give either a FOLDER of labelled photos or --video CLIP, not both")
    for option in ("html", "split"):
        if getattr(arguments, option) is not None:
            raise InputError(f"--{option} is for folders of photos; leave it out with --video")


def say(text: str) -> None:
    """Print to stdout, whatever it can encode. Raises ShmStreamError when nobody takes it, as after `| head`."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):  # or Python complains once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ShmStreamError(f"cannot write to standard output: {error.strerror}") from error


def _nothing(text: str) -> None:
    pass
