"""The command `shm-stream`: one job, one line for each thing worth saying, exit codes.

0 done, 1 failed while working or part of the input was unreadable, 2 bad input or options, 130 Ctrl-C, SIGTERM or a
closed terminal.
"""

from __future__ import annotations

import os
import re
import sys
import traceback

from .cli_options import job_options, make_parser
from .cli_summary import live_lines, summary
from .errors import ShmStreamError
from .interrupts import interrupts
from .listener import unfailing_stderr

INTERRUPTED = 130
DEBUG_VARIABLE = "SHM_STREAM_DEBUG"


def main(argv: list[str] | None = None) -> int:
    """Run the command with `argv` (the process's own when None) and return its exit code."""
    program, argv = argv is None, sys.argv[1:] if argv is None else argv
    with unfailing_stderr(), interrupts(2, last=program) as settle:
        try:
            return _run(argv)
        except ShmStreamError as error:
            return _fail(argv, str(error), error.exit_code)
        except KeyboardInterrupt as error:
            settle()
            return _fail(argv, f"interrupted; {str(error) or 'no unfinished file was kept'}", INTERRUPTED)
        except Exception as error:
            return _fail(argv, f"internal error, please report it: {type(error).__name__}: {error}", 1)


def _run(argv: list[str]) -> int:
    if argv[:1] == ["eval"]:  # an input of that name is given as ./eval
        from .cli_eval import run_eval

        return run_eval(argv[1:])
    if argv[:1] == ["bench"]:
        from .cli_bench import run_bench

        return run_bench(argv[1:])
    if argv[:1] == ["batch"]:
        from .cli_batch import run_batch

        return run_batch(argv[1:])
    if argv[:1] == ["doctor"]:
        from .cli_doctor import run_doctor

        return run_doctor(argv[1:])
    arguments = make_parser().parse_args(argv)
    from .attend import attended
    from .job import Job  # after the options: --help and a misspelt option need no media library
    from .progress import open_progress
    from .qc_job import open_job_report

    page = open_job_report(arguments.report, overwrite=arguments.overwrite)
    options = job_options(arguments, _unheard if arguments.quiet else _say)
    with Job(options, page.statistics) as job:
        if not arguments.quiet:
            _announce(job, arguments.verbose)
        with (
            attended(job, arguments, _say),
            open_progress(job.source.frame_count, quiet=arguments.quiet) as progress,
        ):
            report = job.run(progress.update)
    page.write(options, report)
    return _conclude(report, arguments)


def _announce(job, verbose: int) -> None:
    for notice in job.notices:
        _say(f"warning: {notice}")
    if verbose:
        source, engine = job.source, job.engine
        count = "?" if source.frame_count is None else f"about {source.frame_count}"
        size = f"{source.width}x{source.height}"
        _say(f"{source.path}: {source.kind}, {size}, {count} frames, {float(source.rate):g} fps")
        if job.memory:
            _say(str(job.memory))
        _say(f"device {engine.runner.device} · runner {engine.runner.name} · kernel {engine.kernel}")


def _conclude(report, arguments) -> int:
    """Say what came out, and return the exit code."""
    if arguments.verbose:
        for stage in report.stages:
            _say(
                f"{stage.name}: {stage.busy_seconds:.2f} s busy, {stage.wait_in_seconds:.2f} s waiting for input, "
                f"{stage.wait_out_seconds:.2f} s for the next stage"
            )
    if not arguments.quiet:
        for line in [*live_lines(report), summary(report)]:
            _say(line)
        if report.memory_warning:
            _say(f"warning: {report.memory_warning}")
    problems = [f"{output.name} had no connection at the end" for output in report.live if output.lost]
    for problem in [report.input_warning, *problems]:
        if problem:
            _error(problem)
    if report.interrupted:
        _error(f"interrupted; the outputs hold the first {report.frames} frames")
        return INTERRUPTED
    return 1 if report.input_warning or problems else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _unheard(line: str) -> None:
    """For --quiet."""


def _error(message: str) -> None:
    _say(f"shm-stream: error: {' '.join(message.split())}")


def _fail(argv: list[str], message: str, code: int) -> int:
    """One line; the traceback of the exception at hand before it when asked for."""
    if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0") or _asks_for_traceback(argv):
        traceback.print_exc()
    _error(message)
    return code


def _asks_for_traceback(argv: list[str]) -> bool:
    """-v at least twice. Read from the text, because the options themselves may be what is wrong."""
    return sum(1 if text == "--verbose" else len(text) - 1 for text in argv if re.fullmatch("-v+|--verbose", text)) > 1


if __name__ == "__main__":
    sys.exit(main())
