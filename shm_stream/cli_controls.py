"""The command line's options for edges, position and the control page."""

from __future__ import annotations

import argparse
from dataclasses import fields

from .controls import MOST_LOOKAHEAD, NEUTRAL, Controls

DEFAULT_PORT = 8765


def add_controls(parser: argparse.ArgumentParser) -> None:
    """Add the options of `Controls`."""
    group = parser.add_argument_group("edges and position")
    for name, unit, text in (
        ("feather", "N", "soften the edge by N thousandths of the height (0 to 50)"),
        ("shrink", "N", "move the edge inwards by N thousandths of the height (-30 to 30)"),
        ("despill", "PERCENT", "take the old background's colour out of soft edges"),
        ("light-wrap", "PERCENT", "let the new background's light fall on the edges"),
    ):
        group.add_argument(f"--{name}", metavar=unit, type=_number, default=0.0, help=text)
    group.add_argument(
        "--threshold", metavar="LOW,HIGH", type=_levels, default=NEUTRAL.threshold,
        help="percent of alpha that become 0 and 1; one number: a hard edge there (default: 0,100)",
    )  # fmt: skip
    add_steadiness(group)
    group.add_argument("--mirror", action="store_true", help="exchange left and right; the background stays")
    group.add_argument(
        "--place", metavar="X,Y,SCALE", type=_numbers, default=NEUTRAL.place,
        help="move people by percent of width and height, and scale them (default: 0,0,1); --place=-20,0,1 to the left",
    )  # fmt: skip


def add_steadiness(group) -> None:
    """Add the options that steady mattes from frame to frame."""
    group.add_argument(
        "--temporal", metavar="PERCENT", type=_number, default=0.0,
        help="calm flicker: mix in the frame before where it agrees (0 to 100)",
    )  # fmt: skip
    group.add_argument(
        "--lookahead", metavar="N", type=_frames, default=0,
        help=f"calm flicker with N frames before and after each (0 to {MOST_LOOKAHEAD}); live, it shows N frames later",
    )  # fmt: skip


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the options of the page where controls can be changed."""
    group = parser.add_argument_group("control page")
    group.add_argument(
        "--panel", metavar="PORT", nargs="?", type=_port, const=DEFAULT_PORT,
        help=f"change background and edges while running, in a browser on this machine (default port: {DEFAULT_PORT})",
    )  # fmt: skip
    group.add_argument("--panel-host", metavar="ADDRESS", help="let other machines see the page (default: 127.0.0.1)")
    group.add_argument("--backgrounds", metavar="DIR", help="pictures and videos to choose from while running")
    group.add_argument("--slate", metavar="IMAGE", help='what "be right back" shows (default: a card that says so)')


def controls_of(facts: dict) -> Controls:
    """Take the options of `Controls` out of `facts`, the parsed command line. Raises InputError."""
    names = [field.name for field in fields(Controls) if field.name in facts]
    return Controls(**{name: facts.pop(name) for name in names})


def drop_page_options(facts: dict) -> None:
    """Leave in `facts` only whether there is a page: the job need not know more."""
    facts["panel"] = facts["panel"] is not None
    for name in ("panel_host", "backgrounds", "slate"):
        del facts[name]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None


def _frames(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= MOST_LOOKAHEAD):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of frames; give 0 to {MOST_LOOKAHEAD}")
    return int(text)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(part) for part in text.split(","))


def _levels(text: str) -> tuple[float, ...]:
    numbers = _numbers(text)
    return numbers * 2 if len(numbers) == 1 else numbers


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 <= int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port; give 1 to 65535, or 0 for any free one")
    return int(text)
