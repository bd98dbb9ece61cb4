"""How the scripts beside this one begin and end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from shm_stream.errors import ShmStreamError
from shm_stream.partial import check_results


def run(work: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the options, see that results can be written, and work.

    Errors become one line and an exit code, as those of the command `shm-stream`.
    """
    try:
        o = parser.parse_args()
        check_results(o, "json", "plot")
        work(o)
    except ShmStreamError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)
