"""Command-line options made from a dataclass: one `--name value` per field, unknown names are errors."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from pathlib import Path


def parse(kind, description: str):
    """An instance of the dataclass `kind`; its field defaults are the options' defaults."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        required = field.default is dataclasses.MISSING
        parse_value = Path if hints[field.name] in (Path, Path | None) else hints[field.name]
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=parse_value,
            required=required,
            default=None if required else field.default,
            help=field.metadata.get("help"),
        )
    return kind(**vars(parser.parse_args()))
