"""The sub-command `shm-stream doctor`: what is there, and what to type where something is missing."""

from __future__ import annotations

import json

from .cli_eval import say
from .cli_options import Parser

DESCRIPTION = "Check what this machine has for matting, cameras and streams, and say what to type for what is missing."
EPILOG = """\
  ok  there
  --  not there, and only needed for what it is named after
  !!  broken: files cannot be matted here

Exit code: 0 files can be matted here, 1 they cannot, 2 bad options.
"""


def run_doctor(argv: list[str]) -> int:
    """Run with the arguments after `doctor` and return the exit code. Raises InputError."""
    parser = Parser(prog="shm-stream doctor", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    arguments = parser.parse_args(argv)
    from .doctor import as_facts, as_text, healthy, run_checks  # after the options: --help needs nothing

    checks = run_checks()
    say(json.dumps(as_facts(checks), indent=2) if arguments.json else as_text(checks))
    return 0 if healthy(checks) else 1
