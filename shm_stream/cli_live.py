"""The command line's options for cameras, screens, streams and stdin."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .errors import InputError
from .live_options import RAW_EXAMPLE, LiveOptions, parse_rate, parse_raw, parse_size

NAMES = (
    "loop", "live", "listen", "reconnect_seconds", "idle_seconds", "microphone", "size", "input_format", "raw",
    "fps_target",
)  # fmt: skip
"""Of the parsed options that become LiveOptions."""
IDLE_SECONDS = 10.0
"""Programs that look for cameras open each of them for a moment; calls are left and joined again."""


def add_live(parser: argparse.ArgumentParser) -> None:
    """Add the options of live inputs."""
    group = parser.add_argument_group("live inputs")
    group.add_argument("--loop", action="store_true", help="repeat a video as if it were a camera")
    group.add_argument("--live", action="store_true", help="drop frames rather than fall behind, for - and http too")
    group.add_argument("--listen", action="store_true", help="wait for a sender such as OBS to connect to this address")
    group.add_argument(
        "--reconnect", metavar="SECONDS", dest="reconnect_seconds", type=_seconds, default=30.0,
        help="how long to try to get a lost input back; 0: never (default: 30)",
    )  # fmt: skip
    group.add_argument(
        "--microphone", metavar="NAME", nargs="?", const="default",
        help="sound for recordings and pushes: a name of --list-microphones (default: the system's own choice)",
    )  # fmt: skip
    group.add_argument(
        "--microphone-delay", metavar="MS", type=_milliseconds, default=0.0,
        help="move its sound to later, for a picture that comes from far away (-1000 to 10000; default: 0)",
    )  # fmt: skip
    group.add_argument("--list-microphones", action=_ListMicrophones, help="list what --microphone can record")
    group.add_argument(
        "--idle", metavar="SECONDS", dest="idle_seconds", nargs="?", type=_seconds, const=IDLE_SECONDS,
        help=f"let the networks pause when for so long nobody looks at any output (default: {IDLE_SECONDS:g})",
    )  # fmt: skip
    group.add_argument("--size", metavar="WxH", type=_checked(parse_size), help="size to ask the camera or screen for")
    group.add_argument("--fps", metavar="N", type=_checked(parse_rate), help="rate to ask them for")
    group.add_argument(
        "--fps-target", metavar="N", type=_rate_or_zero,
        help="hold N frames a second by making the networks cheaper; 0: never (default: the input's rate)",
    )  # fmt: skip
    group.add_argument("--input-format", metavar="NAME", help="format to ask the camera for: mjpeg, yuyv, ...")
    group.add_argument(
        "--raw", metavar="WxH:FORMAT:FPS", type=_checked(parse_raw), help=f"stdin carries bare frames ({RAW_EXAMPLE})"
    )
    group.add_argument("--list-cameras", action=_ListCameras, help="list the cameras that are plugged in")


def live_options(facts: dict, tell: Callable[[str], None]) -> LiveOptions:
    """Take the options of live inputs out of `facts`, the parsed command line."""
    own = {name: facts.pop(name) for name in NAMES}
    delay = facts.pop("microphone_delay") / 1000
    if delay and own["microphone"] is None:
        raise InputError("--microphone-delay belongs to a microphone: add --microphone")
    return LiveOptions(**own, rate=facts.pop("fps"), microphone_delay_seconds=delay, tell=tell)


class _List(argparse.Action):
    """Like --version: prints and ends, whatever else is on the command line."""

    def __init__(self, option_strings, dest, **options):
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, **options)

    def __call__(self, parser, namespace, values, option_string=None):
        from .cli_eval import say

        say(self.describe())
        parser.exit()


class _ListCameras(_List):
    def describe(self) -> str:
        from .cameras import describe_cameras

        return describe_cameras()


class _ListMicrophones(_List):
    def describe(self) -> str:
        from .microphones import describe_microphones

        return describe_microphones()


def _checked(parse: Callable) -> Callable:
    """`parse` with its InputError as argparse wants it, so that the option is named."""

    def convert(text: str):
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _rate_or_zero(text: str) -> float:
    return 0.0 if text.strip() == "0" else float(_checked(parse_rate)(text))


def _milliseconds(text: str) -> float:
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = float("nan")
    if not -1000 <= milliseconds <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of milliseconds from -1000 to 10000")
    return milliseconds


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0 up")
    return seconds
