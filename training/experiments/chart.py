"""The three tables as bars."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from .claims import title
from .paper import SHM, TABLES, Line, Table
from .rows import MEASURES, Row

HERE, PAPER, INK = "#1b6ca8", "#c3ccd4", "#303840"
THICK = 0.38
"""Of a bar; the distance between methods is 1."""


def write(path: Path, rows: dict[str, Row]) -> None:
    """Errors as multiples of SHM's, here and in the paper; a table a row, a measure a column."""
    figure = Figure(figsize=(13, 10.5), layout="constrained", facecolor="white")
    heights = [len(table.lines) for table in TABLES]
    axes = figure.subplots(len(TABLES), len(MEASURES), height_ratios=heights, squeeze=False)
    for table, line in zip(TABLES, axes):
        for place, (measure, panel) in enumerate(zip(MEASURES, line)):
            draw_panel(panel, table, place, rows)
            if place:
                panel.tick_params(labelleft=False)
            panel.set_title(f"{table.name}: {title(measure)}", loc="left", fontsize=10, color=INK)
    figure.suptitle("Error as a multiple of SHM's: 1 is SHM, less is better", fontsize=13, color=INK)
    handles = [axes[0][0].barh([0], [0], color=colour) for colour in (HERE, PAPER)]
    figure.legend(handles, ["here", "paper"], loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=100)


def draw_panel(panel, table: Table, place: int, rows: dict[str, Row]) -> None:
    """The bars of one measure, the `place`-th."""
    measure = MEASURES[place]
    own = rows["shm"].means[measure]
    for y, line in enumerate(table.lines):
        theirs = line.figures[place] / SHM[place]
        panel.barh(y + THICK / 2, theirs, THICK, color=PAPER)
        write_value(panel, theirs, y + THICK / 2, f"{theirs:.2f}")
        if line.method and own:
            ours = rows[line.method].means[measure] / own
            panel.barh(y - THICK / 2, ours, THICK, color=HERE)
            write_value(panel, ours, y - THICK / 2, f"{ours:.2f}")
        else:
            write_value(panel, 0, y - THICK / 2, "not run")
    panel.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    panel.set_yticks(range(len(table.lines)), [label(line) for line in table.lines], fontsize=9, color=INK)
    panel.invert_yaxis()
    panel.margins(x=0.16)
    panel.set_xlim(left=0)
    panel.tick_params(axis="x", labelsize=8)
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)


def write_value(panel, x: float, y: float, text: str) -> None:
    panel.annotate(text, (x, y), (3, 0), textcoords="offset points", va="center", fontsize=7.5, color=INK)


def label(line: Line) -> str:
    """Without what only the table needs: bold marks and explanations."""
    return line.label.split(" (")[0].replace("**", "")
