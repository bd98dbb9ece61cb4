"""Photos held in memory at training size, with the foreground colours that compositing needs."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatting import estimate_foreground_ml

from .layout import Example, limit_side, read_grey, read_rgb
from .parts import parts_path, read_parts


@dataclass
class Person:
    """A labelled photo, ready to be cropped or pasted."""

    image: np.ndarray
    """[H, W, 3] uint8 RGB."""
    alpha: np.ndarray
    """[H, W] uint8; soft where the set has alphas, else 0 or 255."""
    foreground: np.ndarray
    """[H, W, 3] uint8 RGB straight colours; equals `image` where there is no soft alpha."""
    soft: bool
    set_name: str
    parts: np.ndarray | None = None
    """[H, W] uint8 as in `parts.py`, where asked for."""


def _foreground_colours(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Multi-level foreground estimation (Germer et al. 2020), so that a paste carries no old background."""
    colours = estimate_foreground_ml(image / 255.0, alpha / 255.0)
    return np.clip(colours * 255 + 0.5, 0, 255).astype(np.uint8)


def load_person(example: Example, side: int) -> Person:
    """Reads a photo and its label, shrunk to `side` pixels on the long side."""
    image = read_rgb(example.image)
    label = read_grey(example.alpha or example.mask, image.shape[:2])
    image, alpha = limit_side(image, side), limit_side(label, side)
    soft = example.alpha is not None
    foreground = _foreground_colours(image, alpha) if soft else image
    return Person(image, alpha, foreground, soft, example.set_name)


def load_people(
    examples: list[Example], side: int, cache: Path | None = None, parts: Path | None = None
) -> list[Person]:
    """All of them; with `cache`, foreground colours are estimated once and kept as .npz files there. `parts` is a
    folder that `label_parts` wrote."""
    found = [_cached(example, side, cache) if cache else load_person(example, side) for example in examples]
    for person, example in zip(found, examples):
        person.parts = read_parts(parts_path(parts, example), person.alpha.shape) if parts else None
    return found


def _cached(example: Example, side: int, cache: Path) -> Person:
    # sizes rather than times: a copy of the data on another machine finds the same entries
    sizes = [file.stat().st_size for file in (example.image, example.mask, example.alpha) if file]
    key = hashlib.sha256(f"{example.set_name}/{example.image.name}|{sizes}|{side}".encode()).hexdigest()
    path = cache / f"{key[:24]}.npz"
    if path.exists():
        with np.load(path) as stored:
            return Person(
                stored["image"], stored["alpha"], stored["foreground"], bool(stored["soft"]), example.set_name
            )
    person = load_person(example, side)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial.npz")
    np.savez(partial, image=person.image, alpha=person.alpha, foreground=person.foreground, soft=person.soft)
    partial.replace(path)
    return person


def load_backgrounds(paths: list[Path], side: int) -> list[np.ndarray]:
    return [limit_side(read_rgb(path), side) for path in paths]
