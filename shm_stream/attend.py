"""Opens what a person steers a running job with: the control page, and keys in the terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from .errors import InputError


@contextlib.contextmanager
def attended(job, arguments, say: Callable[[str], None]) -> Iterator[None]:
    """While inside, `job` can be steered as the parsed `arguments` ask. Raises InputError.

    Keys are read where a job is watched as it runs. During others people type what is meant for the next command.
    """
    from .keys import can_read_keys

    watched = arguments.panel is not None or arguments.vcam or job.source.live
    keys = watched and "composite" in job.engine.outputs and str(arguments.input) != "-" and can_read_keys()
    _refuse_unused(arguments, watched)
    if arguments.panel is None and not keys:
        yield
        return
    from .desk import open_desk

    with contextlib.ExitStack() as opened:
        desk = open_desk(job, arguments.backgrounds, arguments.bg, arguments.slate)
        opened.callback(desk.close)
        if arguments.panel is not None:
            _open_page(opened, desk, arguments, say)
        if keys:
            _open_keys(opened, desk, say)
        yield


def _refuse_unused(arguments, watched: bool) -> None:
    if arguments.panel_host is not None and arguments.panel is None:
        raise InputError("--panel-host belongs to the control page: add --panel")
    for name in ("backgrounds", "slate"):
        if getattr(arguments, name) is not None and not watched:
            raise InputError(f"--{name} is for what is changed while a job runs: add --panel")


def _open_page(opened: contextlib.ExitStack, desk, arguments, say: Callable[[str], None]) -> None:
    try:
        from .panel.server import DEFAULT_HOST, PanelServer
    except ImportError as error:
        raise InputError("the control page needs aiohttp: pip install 'shm-stream[panel]'") from error
    server = PanelServer(desk, arguments.panel_host or DEFAULT_HOST, arguments.panel)
    opened.callback(server.close)
    if server.warning:
        say(f"warning: {server.warning}")
    say(f"control page: {server.url}")


def _open_keys(opened: contextlib.ExitStack, desk, say: Callable[[str], None]) -> None:
    from .keys import Keys

    opened.callback(Keys(desk, say, desk.line, sys.stdin.fileno()).close)
    say("keys: s background on/off, h mirror, z freeze, r be right back, q quit, ? all")
