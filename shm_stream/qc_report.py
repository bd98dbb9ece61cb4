"""The page that shows which shots of a batch need a look: one file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from . import __version__
from .batch_manifest import FAILED, PARTIAL
from .partial import write_texts
from .qc_card import FINE, LOOK, STATES, WORDS, Card
from .qc_files import load_statistics
from .qc_findings import LABELS
from .qc_page import KEYS, SCRIPT, STYLE
from .source_images import natural_key
from .words import counted

NAME = "report.html"


def write_report(path: Path, out: Path, results: Iterable[dict]) -> None:
    """Write the page of these records, whose results and statistics are below `out`. Raises ShmStreamError."""
    cards = [Card(result, load_statistics(out, result)) for result in results]
    write_texts({path: render(out.resolve().name, cards)})


def render(title: str, cards: list[Card]) -> str:
    """The whole page; shots that need a look come first."""
    ordered = sorted(cards, key=lambda card: (*card.rank, natural_key(card.result["source"])))
    states = Counter(card.state for card in cards)
    shown = "".join(card.html(number) for number, card in enumerate(ordered, 1))
    head = '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    head += f"<title>{escape(title)}: shots</title>\n<style>\n{STYLE}</style>"
    body = (
        f"<h1>{escape(title)}</h1>\n<p>{summary(states, cards)}</p>\n{_controls(states, cards)}{KEYS}"
        f'<p id="none" hidden>No shot fits the filter.</p>\n<main>\n{shown}</main>\n<script>\n{SCRIPT}</script>'
    )
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def summary(states: Counter, cards: list[Card]) -> str:
    """`24 shots: 4 failed, 6 need a look, 14 fine · shm-stream 0.1.0, 2026-11-25 15:04 UTC`."""
    words = {FAILED: "failed", PARTIAL: "partial", LOOK: "to look at", FINE: "fine"}
    counts = ", ".join(f"{states[state]} {words[state]}" for state in STATES if states[state])
    last = max((card.result["ended"] for card in cards), default="")[:16].replace("T", " ")
    many = counted(len(cards), "shot")
    return f"{many}: {counts} · shm-stream {__version__} · {last} UTC"


def _controls(states: Counter, cards: list[Card]) -> str:
    counts = {"all": len(cards), **{state: states[state] for state in STATES}}
    names = {"all": "all", **WORDS}
    buttons = "".join(
        f'<button type="button" data-state="{state}" aria-pressed="false">{names[state]} <b>{count}</b></button>'
        for state, count in counts.items()
    )
    found = {finding.kind for card in cards for finding in card.findings}
    kinds = "".join(f'<option value="{kind}">{label}</option>' for kind, label in LABELS.items() if kind in found)
    return (
        f'<nav hidden aria-label="filters">{buttons}<span class="gap"></span>'
        f'<select id="kind" aria-label="what was found"><option value="">anything found</option>{kinds}</select>'
        '<select id="sort" aria-label="order"><option value="need">most to look at first</option>'
        '<option value="name">by name</option></select>'
        '<input id="search" type="search" placeholder="search names and reasons" aria-label="search"></nav>\n'
    )
