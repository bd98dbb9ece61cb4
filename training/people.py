"""The people that samples are drawn from: photos of several sets, each drawn with its own probability."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from shm_stream.errors import InputError

from .layout import further_photos, people
from .library import load_people


class People:
    """Photos of several sets, drawn with given probabilities.

    `leave_out` is a file of photos not to draw, `<set>/X` a line.
    """

    def __init__(
        self,
        data: Path,
        sets: dict[str, float],
        split: str,
        side: int,
        cache: Path | None,
        parts: Path | None = None,
        leave_out: Path | None = None,
    ):
        unwanted = names_in(leave_out) if leave_out else set()
        photos = {name: {f"{name}/{e.image.stem}": e for e in people(data, name, split)} for name in sets}
        if unknown := unwanted.difference(*photos.values()):
            raise InputError(f"{leave_out} names {min(unknown)}, which is no photo of this split; take the line out")
        examples = [[e for at, e in one.items() if at not in unwanted] for one in photos.values()]
        self.data = data
        self.sets = [load_people(found, side, cache, parts) for found in examples]
        self._share_out(sets, "photos")

    def with_soft_alpha(self, sets: dict[str, float]) -> People:
        """Of these photos those of `sets` with a soft alpha: a hard mask says nothing about edges, so nobody is pasted
        with one. They are shared, not loaded again."""
        chosen = copy.copy(self)
        everybody = [person for one in self.sets for person in one if person.soft]
        chosen.sets = [[person for person in everybody if person.set_name == name] for name in sets]
        chosen._share_out(sets, "photos with a soft alpha")
        return chosen

    def _share_out(self, sets: dict[str, float], what: str) -> None:
        """Raises InputError when there is nobody of a set to draw."""
        for name, found in zip(sets, self.sets):
            if not found:
                raise InputError(f"{self.data / 'people' / name} has no {what} to train on; add some")
        self.probabilities = np.array(list(sets.values())) / sum(sets.values())

    def add(self, folder: Path, share: float, side: int, cache: Path | None, parts: Path | None = None) -> None:
        """One more set, all of it, drawn with probability `share`. Raises InputError when it is empty."""
        self.sets.append(load_people(further_photos(folder), side, cache, parts))
        self.probabilities = np.append(self.probabilities * (1 - share), share)

    def draw(self, rng: np.random.Generator):
        chosen = self.sets[rng.choice(len(self.sets), p=self.probabilities)]
        return chosen[rng.integers(len(chosen))]


def names_in(file: Path) -> set[str]:
    """The lines of a text file. Raises InputError."""
    try:
        return set(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list {file} ({error}); give a text file with <set>/<name> a line") from error
