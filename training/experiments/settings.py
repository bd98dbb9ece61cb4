"""What an experiment is made with: options, their defaults and checks, and where its files lie.

OUT/settings.json          what everything below was made with; another value asks for another OUT
OUT/trainings/NAME.pt      a checkpoint per training, with its log NAME.csv
OUT/rows/NAME.json         a finished method: its errors on every test picture
OUT/table.md, results.json, chart.png
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from shm_stream import weights
from shm_stream.errors import InputError

from ..layout import backgrounds, people
from .machine import commit

PRESET = "live"
SCENE_SET = "portraits_soft"
"""The people of the test set; see `evaluate_composites`."""


@dataclass(kw_only=True)
class Options:
    data: Path
    out: Path
    cache: Path | None = None
    tnet: Path | None = None
    """The T-Net that all methods share; default: the shipped one."""
    mnet: Path | None = None
    """Where every M-Net starts; default: one that is trained here first, from random weights."""
    steps: int | None = None
    """Of each training."""
    images: int | None = None
    """Test pictures."""
    size: int | None = None
    """Side of the pictures in pixels, for testing and training."""
    ratio: int = 2
    """T-Net reads pictures that are this much smaller."""
    batch: int = 8
    seed: int = 7
    """Of the test pictures."""
    workers: int = 1
    threads: int = 2
    quick: bool = False
    """Budgets to see that everything works; says nothing about the methods."""
    docs: Path | None = None
    """Also write the document with what was run, tables and claims; the chart goes beside it."""


FULL = {"steps": 300, "images": 24, "size": 384}
QUICK = {"steps": 20, "images": 3, "size": 192}


@dataclass(frozen=True)
class Settings:
    """What results depend on."""

    tnet: str
    """Name of the file and the start of its sha256."""
    mnet: str | None
    steps: int
    images: int
    size: int
    ratio: int
    batch: int
    seed: int

    @property
    def tnet_side(self) -> int:
        return self.size // self.ratio

    @property
    def patch(self) -> int:
        """Side of what M-Net draws in training, in pixels: two thirds of the picture, in whole blocks of 4."""
        return 2 * self.size // 12 * 4

    @property
    def trimap_radius(self) -> int:
        """How far true trimaps shrink what is certain, in pixels."""
        return max(1, self.size // 40)


@dataclass(frozen=True)
class Experiment:
    """Options that were found right, with where files lie."""

    options: Options
    settings: Settings
    tnet: Path
    """The file of the shared T-Net."""

    def checkpoint(self, training: str) -> Path:
        return self.options.out / "trainings" / f"{training}.pt"

    def row(self, method: str) -> Path:
        return self.options.out / "rows" / f"{method}.json"


def settle(o: Options) -> Experiment:
    """Checks the options and binds OUT to them. Raises InputError for values that cannot work, for data without
    held-out people or backgrounds, and for an OUT that was made with other settings."""
    budget = {name: getattr(o, name) for name in FULL}
    defaults = QUICK if o.quick else FULL
    budget = {name: defaults[name] if value is None else value for name, value in budget.items()}
    check_numbers(budget | {"ratio": o.ratio, "batch": o.batch, "threads": o.threads})
    check_data(o.data)
    tnet = o.tnet or weights.find(f"{PRESET}.safetensors", PRESET)
    mnet = fingerprint(o.mnet) if o.mnet else None
    settings = Settings(tnet=fingerprint(tnet), mnet=mnet, ratio=o.ratio, batch=o.batch, seed=o.seed, **budget)
    bind(o.out, settings)
    return Experiment(o, settings, tnet)


def check_numbers(values: dict[str, int]) -> None:
    for name, value in values.items():
        if value < 1:
            raise InputError(f"--{name} {value} is too small; give at least 1")
    size, step = values["size"], 32 * values["ratio"]
    if size % step:
        raise InputError(f"--size {size} is no multiple of {step}, 32 times --ratio; T-Net cannot read it")


def check_data(data: Path) -> None:
    if not people(data, SCENE_SET, "validation"):
        raise InputError(f"{data / 'people' / SCENE_SET} holds no photos; test pictures are made of its held-out ones")
    backgrounds(data, "validation")


def fingerprint(path: Path) -> str:
    """'live.safetensors 0123456789ab': name and start of the sha256. Raises InputError."""
    try:
        return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror}") from error


def bind(out: Path, settings: Settings) -> None:
    """Writes settings.json into a fresh OUT, or checks that OUT was made with the same."""
    path = out / "settings.json"
    values = dataclasses.asdict(settings)
    if not path.exists():
        write_json(path, values | {"commit": commit()})
        return
    before = read_json(path)
    for name, value in values.items():
        if before.get(name) != value:
            raise InputError(f"{out} was made with {name} {before.get(name)}, not {value}; give another --out")


def write_json(path: Path, content) -> None:
    """Replaces the file in one go. Raises InputError when it cannot be written."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; give another --out") from error


def read_json(path: Path):
    """Raises InputError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); take it away and run again") from error
