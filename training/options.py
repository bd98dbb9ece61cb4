"""Options of a script: a dataclass gives names, types and defaults; a config and the command line override them.

    --config live | paper | FILE.toml

A config is a short TOML file with one table per stage (`[tnet]`, `[mnet]`, `[joint]`, `[export]`), and `[common]` for
what all stages have. The command line comes last. Unknown tables, options and values of a wrong type are errors.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import typing
from collections.abc import Callable
from pathlib import Path

from shm_stream.errors import InputError, ShmStreamError
from shm_stream.partial import check_results

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIGS = Path(__file__).parent / "configs"
STAGES = ("tnet", "mnet", "joint", "export")
COMMON = "common"


def run(work: Callable, kind, description: str, stage: str | None = None) -> None:
    """The main function of a script: parses its options, sees that results can be written, and works.

    Errors become one line and an exit code.
    """
    _begin(work, parse(kind, description, stage))


def run_parser(work: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """`run` for a script with arguments that have no names."""
    _begin(work, parser.parse_args())


def _begin(work: Callable, o) -> None:
    try:
        check_results(o, "json", "plot")
        work(o)
    except ShmStreamError as error:
        _give_up(error)


def parse(kind, description: str, stage: str | None = None):
    """An instance of the dataclass `kind`: one `--name value` per field. A `stage` also reads a config."""
    try:
        config, given = read_command_line(kind, description, with_config=stage is not None)
        return build(kind, stage, config, given)
    except InputError as error:
        _give_up(error)


def _give_up(error: ShmStreamError) -> typing.NoReturn:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


def read_command_line(kind, description: str, with_config: bool) -> tuple[dict, dict]:
    """The tables of the config, and the options that were given by name."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    if with_config:
        parser.add_argument("--config", default=None, help=f"{', '.join(names())} or a .toml file")
    for name, hint in _types(kind).items():
        option = f"--{name.replace('_', '-')}"
        if hint is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS)
        else:
            convert = _numbers if hint == tuple[int, ...] else hint
            parser.add_argument(option, type=convert, default=argparse.SUPPRESS)
    given = vars(parser.parse_args())
    config = given.pop("config", None)
    return (read_config(config) if config else {}), given


def check_least(o, least: int, *names: str) -> None:
    """Raises InputError when one of these options, or of the numbers in it, is less."""
    for name in names:
        value = getattr(o, name)
        if min(value if isinstance(value, tuple) else (value,)) < least:
            raise InputError(f"--{name.replace('_', '-')} must be {least} or more")


def names() -> list[str]:
    """The configs that come with the source."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def read_config(name: str) -> dict[str, dict]:
    """The tables of a shipped config or of a file. Raises InputError."""
    path = CONFIGS / f"{name}.toml" if name in names() else Path(name)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no config '{name}': give one of {', '.join(names())} or a .toml file") from error
    except ValueError as error:
        raise InputError(f"config {path} cannot be read: {error}") from error
    for table, content in tables.items():
        if table not in (COMMON, *STAGES) or not isinstance(content, dict):
            raise InputError(f"config {path}: no table [{table}]; there are {', '.join((COMMON, *STAGES))}")
    return tables


def build(kind, stage: str | None, config: dict[str, dict], given: dict):
    """An instance of `kind`: defaults, then [common] as far as `kind` knows it, then [stage], then what was given.

    Raises InputError for unknown options, wrong types, and options without a value.
    """
    types = _types(kind)
    values = {name: value for name, value in _shared(config).items() if name in types}
    values |= _table(config, stage, types)
    values |= {name: value for name, value in given.items() if name in types}
    fields = dataclasses.fields(kind)
    missing = [f.name for f in fields if f.default is dataclasses.MISSING and f.name not in values]
    if missing:
        raise InputError("give " + " and ".join(f"--{name.replace('_', '-')}" for name in missing))
    return kind(**values)


def _shared(config: dict[str, dict]) -> dict:
    """The values of [common]."""
    if COMMON not in config:
        return {}
    from .run import CommonOptions  # imports torch

    return _table(config, COMMON, _types(CommonOptions))


def _table(config: dict[str, dict], table: str | None, types: dict[str, type]) -> dict:
    """The values of one table, checked."""
    values = {}
    for name, value in config.get(table, {}).items():
        if name not in types:
            raise InputError(f"config, table [{table}]: no option '{name}'; there are {', '.join(types)}")
        values[name] = _checked(table, name, value, types[name])
    return values


def _types(kind) -> dict[str, type]:
    """Option name → type; of `X | None` it is X."""
    hints = typing.get_type_hints(kind)
    found = {}
    for field in dataclasses.fields(kind):
        parts = [part for part in typing.get_args(hints[field.name]) if part is not type(None)]
        optional = type(None) in typing.get_args(hints[field.name])
        found[field.name] = parts[0] if optional else hints[field.name]
    return found


def _checked(table: str, name: str, value, hint):
    """A value from a config as the type that the option has."""
    accepts = {Path: str, float: (int, float), tuple[int, ...]: list}.get(hint, hint)
    right = isinstance(value, accepts) and (hint is bool or not isinstance(value, bool))
    if right and accepts is list:
        right = all(type(item) is int for item in value)
    if not right:
        wanted = "list of whole numbers" if accepts is list else hint.__name__
        raise InputError(f"config, table [{table}]: {name} = {value!r} is no {wanted}")
    return tuple(value) if accepts is list else hint(value)


def _numbers(text: str) -> tuple[int, ...]:
    """'320,480' → (320, 480)."""
    return tuple(int(part) for part in text.split(","))
