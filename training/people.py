"""The people that samples are drawn from: photos of several sets, each drawn with its own probability."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from shm_stream.errors import InputError

from .layout import labelled_photos, people
from .library import load_people


class People:
    """Photos of several sets, drawn with given probabilities.

    `soft` leaves out photos without a soft alpha: a hard mask says nothing about edges, so nobody is pasted with one.
    `leave_out` is a file of photos not to draw, `<set>/X` a line.
    """

    def __init__(
        self,
        data: Path,
        sets: dict[str, float],
        split: str,
        side: int,
        cache: Path | None,
        soft: bool = False,
        parts: Path | None = None,
        leave_out: Path | None = None,
    ):
        unwanted = names_in(leave_out) if leave_out else set()
        examples = {name: [e for e in people(data, name, split) if e.alpha or not soft] for name in sets}
        for name, found in examples.items():
            examples[name] = [e for e in found if f"{name}/{e.image.stem}" not in unwanted]
        for name, found in examples.items():
            if not found:
                raise _nobody(data, name, soft)
        self.data = data
        self.sets = [load_people(found, side, cache, parts) for found in examples.values()]
        self.probabilities = _shares(sets)

    def with_soft_alpha(self, sets: dict[str, float]) -> People:
        """Of these photos those of `sets` with a soft alpha. They are shared, not loaded again."""
        chosen = copy.copy(self)
        everybody = [person for one in self.sets for person in one if person.soft]
        chosen.sets = [[person for person in everybody if person.set_name == name] for name in sets]
        for name, found in zip(sets, chosen.sets):
            if not found:
                raise _nobody(self.data, name, True)
        chosen.probabilities = _shares(sets)
        return chosen

    def add(self, folder: Path, share: float, side: int, cache: Path | None, parts: Path | None = None) -> None:
        """One more set, all of it, drawn with probability `share`."""
        self.sets.append(load_people(labelled_photos(folder), side, cache, parts))
        self.probabilities = np.append(self.probabilities * (1 - share), share)

    def draw(self, rng: np.random.Generator):
        chosen = self.sets[rng.choice(len(self.sets), p=self.probabilities)]
        return chosen[rng.integers(len(chosen))]


def names_in(file: Path) -> set[str]:
    """The lines of a text file. Raises InputError."""
    try:
        return set(file.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list {file} ({error}); give a text file with <set>/<name> a line") from error


def _shares(sets: dict[str, float]) -> np.ndarray:
    return np.array(list(sets.values())) / sum(sets.values())


def _nobody(data: Path, name: str, soft: bool) -> InputError:
    what = "photos with a soft alpha" if soft else "photos"
    return InputError(f"{data / 'people' / name} has no {what} to train on; add some")
