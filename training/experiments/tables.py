"""Tables and claims as Markdown."""

from __future__ import annotations

from .claims import CLAIMS, judge, judge_paper, ratios, sentence, title
from .paper import NOT_RUN, TABLES, Line, Table
from .rows import MEASURES, Row

HEADER = ["", *(f"{title(m)}" for m in MEASURES), "s a picture", *(f"paper: {title(m)}" for m in MEASURES)]
UNITS = (
    "Errors over the whole picture, divided by its pixels; SAD and MSE x 1e-3, Grad and Conn x 1e-5. Less is better.\n"
    "Seconds are the median picture's, by the clock."
)


def markdown(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *lines)) + "\n"


def table_line(line: Line, rows: dict[str, Row]) -> list[str]:
    printed = [f"{value:.3f}" for value in line.figures]
    if line.method is None:
        return [f"{line.label} ({NOT_RUN})", *("–" for _ in MEASURES), "–", *printed]
    row = rows[line.method]
    return [line.label, *(number(row.means[m]) for m in MEASURES), f"{row.seconds:.2f}", *printed]


def number(value: float) -> str:
    """Three decimals below 100, as the paper prints them; whole numbers above."""
    return f"{value:.3f}" if value < 100 else f"{value:.0f}"


def table_text(table: Table, rows: dict[str, Row]) -> str:
    """A heading, the table, its remark."""
    text = f"### {table.name}: {table.about}\n\n"
    text += markdown(HEADER, [table_line(line, rows) for line in table.lines])
    return text + (f"\n{table.remark}\n" if table.remark else "")


def tables_text(rows: dict[str, Row]) -> str:
    return UNITS + "\n\n" + "\n".join(table_text(table, rows) for table in TABLES)


def claims_text(rows: dict[str, Row]) -> str:
    """A table with a claim a row: what the paper's own figures say, what was measured, by how much."""
    means = {name: row.means for name, row in rows.items()}
    lines = []
    for claim in CLAIMS:
        ratio = " · ".join(f"{title(m)} {value:.2f}" for m, value in ratios(claim, means).items())
        lines.append([claim.text, sentence(judge_paper(claim)), f"**{sentence(judge(claim, rows))}**", ratio])
    header = ["claim", "by the paper's figures", "here", "error of the first over the second, here"]
    return markdown(header, lines).replace("---:", "---")
