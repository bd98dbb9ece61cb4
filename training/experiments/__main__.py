"""Repeats the paper's Tables 3, 4 and 5 with small networks and a small budget.

    python -m training.experiments --data DATA --out EXPERIMENTS --cache CACHE [--steps 300] [--images 24]
        [--size 384] [--tnet weights/live.safetensors] [--mnet weights/live.safetensors] [--docs docs/paper.md]
        [--threads 2] [--quick]

Trains what every row needs and measures it, one row after the other. What is finished is not done again, so the same
command resumes after a stop at any moment. Writes table.md, results.json and chart.png into EXPERIMENTS; `--docs`
writes the document about them, with the chart beside it. `--quick` only shows that everything works.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from shm_stream.errors import InputError

from .. import options
from . import chart, document
from .rows import run_all
from .settings import Experiment, Options, settle, write_json
from .tables import claims_text, tables_text


def work(o: Options) -> None:
    e = settle(o)
    rows = run_all(e)
    write_json(o.out / "results.json", document.results(e, rows))
    tables = tables_text(rows) + "\n### The paper's claims\n\n" + claims_text(rows)
    write_text(o.out / "table.md", tables)
    chart.write(o.out / "chart.png", rows)
    if o.docs:
        write_docs(e, rows, o.docs)
    print(tables)


def write_docs(e: Experiment, rows: dict, path: Path) -> None:
    picture = path.with_name(f"{path.stem}_tables.png")
    write_text(path, document.document(e, rows, picture.name))
    shutil.copyfile(e.options.out / "chart.png", picture)


def write_text(path: Path, text: str) -> None:
    """Raises InputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def main() -> None:
    options.run(work, Options, __doc__)


if __name__ == "__main__":
    main()
