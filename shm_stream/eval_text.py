"""What `shm-stream eval` prints: facts, units, lines of figures; and the same as JSON."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from . import __version__, weights
from .evaluate import Figure
from .preset import get_preset

LONGEST_NAME = 40
NARROWEST = 6
"""Characters of a column; all of them fit into a terminal of 80 beside short names."""
DIGEST = 8
"""So many characters of a checksum tell weights apart."""


@dataclass(frozen=True)
class Setup:
    """With what was measured, and when."""

    version: str
    date: str
    preset: str
    runner: str
    device: str
    tnet_size: int
    weights: dict[str, str]
    """File name → sha256."""

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(what, value) pairs to read."""
        digests = ", ".join(f"{name} {digest[:DIGEST]}" for name, digest in self.weights.items())
        return [
            ("preset", f"{self.preset}, T-Net size {self.tnet_size}"),
            ("runner", f"{self.runner} on {self.device}"),
            ("weights", digests or "none listed"),
            ("date", f"{self.date}, shm-stream {self.version}"),
        ]


def describe_setup(matting, preset: str, tnet_size: int | None) -> Setup:
    """The facts of a loaded `Matting`."""
    files = weights.manifest().get(preset, {}).get("files", {})
    return Setup(
        version=__version__,
        date=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z"),
        preset=preset,
        runner=matting.runner,
        device=matting.device,
        tnet_size=get_preset(preset).tnet_size if tnet_size is None else tnet_size,
        weights={name: facts["sha256"] for name, facts in files.items()},
    )


class Table:
    """Lines of one width for names and figures."""

    def __init__(self, figures: Sequence[Figure], names: Sequence[str] = ()):
        self.figures = figures
        self._name_width = max((min(len(name), LONGEST_NAME) for name in names), default=0)
        self._widths = [max(NARROWEST, len(figure.title) + 1) for figure in figures]

    def titles(self) -> str:
        """Lines that name the columns: whose unit it is, what it is, its scale."""
        rows = ([getattr(figure, part) for figure in self.figures] for part in ("system", "title", "scale"))
        return "\n".join(self._line("", cells) for cells in rows if any(cells))

    def row(self, name: str, values: dict[str, float | None]) -> str:
        """One line; a dash where there is no value."""
        return self._line(name, [number(figure, values.get(figure.key)) for figure in self.figures])

    def counts(self, name: str, counts: dict[str, int]) -> str:
        """One line of whole numbers."""
        return self._line(name, [str(counts.get(figure.key, 0)) for figure in self.figures])

    def _line(self, name: str, cells: list[str]) -> str:
        columns = [cell.rjust(width) for cell, width in zip(cells, self._widths)]
        return " ".join([name.ljust(self._name_width), *columns]).rstrip()


def number(figure: Figure, value: float | None) -> str:
    """With the figure's decimals; a dash for None."""
    return "-" if value is None else f"{value:.{figure.decimals}f}"


def to_json(setup: Setup, figures: Sequence[Figure], facts: dict) -> str:
    """One document with units; figures in full precision."""
    units = {figure.key: figure.unit for figure in figures}
    return json.dumps(asdict(setup) | {"units": units} | facts, indent=2) + "\n"
