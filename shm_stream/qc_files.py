"""Statistics of the shots of a batch on disk, beside the manifest, so that a resumed batch has them too."""

from __future__ import annotations

import json
from pathlib import Path

from .partial import write_texts
from .qc_statistics import ShotStatistics

FOLDER = ".qc"
"""Below the results. Hidden, since no shot can have an output there: hidden folders are passed over."""


def statistics_path(out: Path, name: str) -> Path:
    """Where the statistics of a shot are kept; `name` is its path below the folder of inputs."""
    return out / FOLDER / f"{name}.json"


def save_statistics(out: Path, name: str, statistics: ShotStatistics, outputs: list[dict]) -> None:
    """`outputs` are those of the shot's record, which tell later what the statistics belong to.

    Raises OSError or ShmStreamError.
    """
    path = statistics_path(out, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_texts({path: json.dumps({"outputs": outputs, **statistics.to_json()}, separators=(",", ":"))})


def load_statistics(out: Path, result: dict) -> ShotStatistics | None:
    """Those of a record's very outputs; None when there are none, as of results that an older version made."""
    try:
        facts = json.loads(statistics_path(out, result["source"]).read_bytes())
        return ShotStatistics.from_json(facts) if result["outputs"] and facts["outputs"] == result["outputs"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
