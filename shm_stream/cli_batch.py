"""The sub-command `shm-stream batch`: a folder of shots, made once and gone on with after an interruption.

Progress, the summary and errors go to stderr; stdout has nothing but the lines of `--progress json`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

from .cli import INTERRUPTED
from .cli_controls import add_controls, controls_of
from .cli_guides import add_guides
from .cli_options import Parser, add_delivery, add_limits, add_networks, parse_time
from .interrupts import interrupts

DESCRIPTION = "Cut people out of all videos and photos below a folder. A run that was stopped is gone on with."
EPILOG = """\
The folders below IN are made below OUT too. For IN/day1/talk.mov there will be
  OUT/day1/talk.mov              with --bg: the composite
  OUT/day1/talk.alpha.mov        with --alpha
  OUT/day1/talk.foreground.mov   with --foreground
and with --for nuke, instead of the first one, OUT/day1/talk/talk.1001.exr and so on.
MASK is one image for all shots, or a folder with a mask of each shot's path: DIR/day1/talk.mov, the same with another
extension, or a folder DIR/day1/talk with a picture for each frame.

Two inputs that would get one name (talk.avi and talk.mp4) are an error before anything starts. Hidden files and
files that are neither videos nor photos are passed over. BACKGROUND and TIME are those of shm-stream --help; -ss, -t,
--frames, --codec and --crf are for the videos only.

OUT/manifest.jsonl gets a line for every shot. The next run skips the shots that it calls done, when source, settings
and results are still the same. To make everything again, delete the manifest and add -y. docs/batch.md has the details.

Exit code: 0 all shots are done, 1 some failed or could be read in part only, 2 bad options or folders, 130 Ctrl-C
(finished shots are kept).

examples:
  shm-stream batch shots/ results/ --bg beach.jpg
  shm-stream batch shots/ mattes/ --alpha --suffix .mov --codec prores_ks --jobs 4
  shm-stream batch shots/ plates/ --for nuke --despill 80 --holdout garbage/
  shm-stream batch inbox/ done/ --bg transparent --alpha --watch
  shm-stream batch shots/ results/ --bg blur --progress json | farm-monitor
"""


REPORT_HELP = "also write a table (.csv) or the page of OUT/report.html (.html) to PATH (default: OUT/report.csv)"


def make_parser() -> Parser:
    """The parser of `shm-stream batch`."""
    parser = Parser(prog="shm-stream batch", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("folder", metavar="IN", help="the folder with videos and photos, also in folders below it")
    parser.add_argument("out", metavar="OUT", help="the folder for the results; made if it does not exist")
    _add_outputs(parser)
    add_delivery(parser)
    add_controls(parser)
    _add_run(parser)
    networks = add_networks(parser)
    networks.add_argument("--dense", action="store_true", help="run M-Net on whole frames, to check its tiles")
    add_limits(networks, ", all processes together (with --cluster: each)")
    group = parser.add_argument_group("part of each video")
    group.add_argument("-ss", "--start", metavar="TIME", type=parse_time, default=0.0, help="begin at TIME")
    group.add_argument("-t", "--duration", metavar="TIME", type=parse_time, help="take that long")
    group.add_argument("--frames", metavar="N", type=_count, help="take at most N frames")
    group.add_argument("--deinterlace", action="store_true", help="make whole pictures of interlaced video")
    group.add_argument("--hwaccel", metavar="DEVICE", help="decode on a GPU: cuda, qsv, ...")
    _add_messages(parser)
    return parser


def _add_outputs(parser: Parser) -> None:
    group = parser.add_argument_group("outputs of each shot (at least one)")
    group.add_argument("--bg", metavar="BACKGROUND", help="the composite: what to put behind the people")
    group.add_argument("--alpha", action="store_true", help="alpha as a grey picture")
    group.add_argument("--foreground", action="store_true", help="the people's own colours")
    add_guides(parser)
    group = parser.add_argument_group("how they are written")
    group.add_argument("--suffix", metavar="EXT", help="of videos, such as .mov, .png, .exr (default: theirs)")
    group.add_argument("--image-suffix", metavar="EXT", help="of photos, such as .jpg (default: .png)")
    group.add_argument("--codec", metavar="NAME", help="video encoder of the composite, without --bg of all")
    group.add_argument("--crf", metavar="N", type=int, help="quality of that encoder; lower is better and larger")
    group.add_argument("-y", "--overwrite", action="store_true", help="overwrite files in OUT that no batch made")


def _add_run(parser: Parser) -> None:
    group = parser.add_argument_group("the run")
    group.add_argument("--jobs", metavar="N", type=_count, default=1, help="shots made at the same time (default: 1)")
    group.add_argument("--chunk", metavar="TIME", type=parse_time, help="cut long videos, for --jobs to share: 0:30")
    group.add_argument("--timeout", metavar="TIME", type=parse_time, help="give up a shot that takes longer")
    group.add_argument("--cluster", metavar="ADDRESS", help="let the workers of a Dask scheduler do it (docs/scale.md)")
    group.add_argument("--watch", action="store_true", help="go on with files that are new or changed, until Ctrl-C")
    group.add_argument("--report", metavar="PATH", nargs="?", const="", help=REPORT_HELP)


def _add_messages(parser: Parser) -> None:
    group = parser.add_argument_group("messages")
    group.add_argument("--progress", choices=("text", "json"), default="text", help="json: an object a line on stdout")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    group.add_argument("-v", "--verbose", action="count", default=0, help="also name skipped shots; -vv: tracebacks")


def _count(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return int(text)


def run_batch(argv: list[str]) -> int:
    """Run with the arguments after `batch` and return the exit code. Raises ShmStreamError."""
    arguments = make_parser().parse_args(argv)
    from .batch import Batch  # after the options: --help needs no media library
    from .batch_progress import open_batch_progress

    interrupted = False
    with interrupts(1), Batch(batch_options(arguments)) as batch:
        progress = open_batch_progress(arguments.progress, quiet=arguments.quiet, verbose=arguments.verbose > 0)
        try:
            with progress:
                batch.run(progress)
        except KeyboardInterrupt:
            interrupted = True
            batch.close()  # workers end before anything else is said
    progress.concluded(Counter(result["status"] for result in batch.results.values()), interrupted=interrupted)
    code = _conclude(batch.results, arguments.quiet, interrupted)
    batch.write_report()  # last: when it cannot be written, all the rest was said
    return code


def batch_options(arguments: argparse.Namespace):
    """The parsed command line as BatchOptions."""
    from .batch_options import BatchOptions
    from .job_options import JobOptions
    from .outputs import TRANSPARENT

    facts = {**vars(arguments)}
    for name in ("quiet", "verbose", "progress"):
        del facts[name]
    controls = controls_of(facts)
    if facts["target"]:
        facts["bg"] = facts["bg"] or TRANSPARENT
    own = {field.name: facts.pop(field.name) for field in fields(BatchOptions) if field.name in facts}
    folder, out = Path(own.pop("folder")), Path(own.pop("out"))
    if own["report"] is not None:
        own["report"] = Path(own["report"] or out / "report.csv")
    return BatchOptions(folder, out, JobOptions(input=folder, controls=controls, **facts), **own)


def _conclude(results: dict[str, dict], quiet: bool, interrupted: bool) -> int:
    """Say what came of the shots, and return the exit code."""
    bad = [result for _, result in sorted(results.items()) if result["status"] in ("failed", "partial")]
    for result in bad:
        _say(f"{result['status']}: {result['source']}: {result['reason']}")
    if not quiet:
        _say(summary(results))
    if interrupted:
        _say("shm-stream: error: interrupted; finished shots are kept, the same command goes on from here")
        return INTERRUPTED
    return 1 if bad else 0


def summary(results: dict[str, dict]) -> str:
    """`3 done, 2 skipped (already finished), 1 failed`."""
    counts = Counter(result["status"] for result in results.values())
    text = f"{counts['done']} done, {counts['skipped']} skipped (already finished), {counts['failed']} failed"
    return text + (f", {counts['partial']} partial" if counts["partial"] else "")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
