"""A run's log: a CSV file beside its checkpoint, with one row per logged interval."""

from __future__ import annotations

import csv
import os
from pathlib import Path


class Log:
    """Appends rows to a CSV file.

    A run that resumes at `step` drops the rows beyond it: a killed run logs steps that its last checkpoint does not
    hold, and they are made again. Columns that come in later are empty in the rows before.
    """

    def __init__(self, path: Path, step: int):
        self.path = path
        self._kept = [row for row in self._read() if int(row["step"]) <= step]
        self._columns: list[str] | None = None

    def write(self, row: dict[str, float]) -> None:
        """`row` has "step" and any number of named values."""
        if self._columns is None:
            self._rewrite(row)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns, restval="").writerow({k: _exact(v) for k, v in row.items()})

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        # a kill may have cut the last line
        whole_lines = self.path.read_text().split("\n")[:-1]
        return list(csv.DictReader(whole_lines))

    def _rewrite(self, row: dict) -> None:
        """The file as it was at the step of resuming, with the columns of `row` added. Replaces it in one go."""
        self._columns = list(dict.fromkeys([*(self._kept[0] if self._kept else ()), *row]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".csv.partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, restval="")
            writer.writeheader()
            writer.writerows(self._kept)
        os.replace(partial, self.path)


def _exact(value: float) -> str:
    """Enough digits to tell any two float32 apart."""
    return str(value) if isinstance(value, int) else f"{value:.9g}"
