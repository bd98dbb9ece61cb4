"""The command line's options that say where people are."""

from __future__ import annotations

import argparse


def add_guides(parser: argparse.ArgumentParser) -> None:
    """Add the options of `guides`."""
    group = parser.add_argument_group("where people are (MASK: an image, a folder with the same names, or a video)")
    group.add_argument("--trimap", metavar="MASK", help="your own: 0 background, 255 foreground, else to be drawn")
    group.add_argument("--holdout", "--garbage", metavar="MASK", help="white where nobody is, whatever is seen there")
    group.add_argument("--keep", metavar="MASK", help="white where somebody is; --holdout counts more")
    group.add_argument("--person", metavar="WHO", default="all", help="all, or one: largest or center (default: all)")
