"""The people that samples are drawn from: photos of several sets, each drawn with its own probability."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shm_stream.errors import InputError

from .layout import labelled_photos, people
from .library import load_people


class People:
    """Photos of several sets, drawn with given probabilities.

    `soft` leaves out photos without a soft alpha: a hard mask says nothing about edges, so nobody is pasted with one.
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
    ):
        examples = {name: [e for e in people(data, name, split) if e.alpha or not soft] for name in sets}
        for name, found in examples.items():
            if not found:
                what = "photos with a soft alpha" if soft else "photos"
                raise InputError(f"{data / 'people' / name} has no {what} to train on; add some")
        self.sets = [load_people(found, side, cache, parts) for found in examples.values()]
        self.probabilities = np.array(list(sets.values())) / sum(sets.values())

    def add(self, folder: Path, share: float, side: int, cache: Path | None, parts: Path | None = None) -> None:
        """One more set, all of it, drawn with probability `share`."""
        self.sets.append(load_people(labelled_photos(folder), side, cache, parts))
        self.probabilities = np.append(self.probabilities * (1 - share), share)

    def draw(self, rng: np.random.Generator):
        chosen = self.sets[rng.choice(len(self.sets), p=self.probabilities)]
        return chosen[rng.integers(len(chosen))]
