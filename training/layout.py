"""The folder layout of training data, and the fixed validation split.

    DATA/
      people/<set>/X.jpg            a photo with people
      people/<set>/X.mask.png       hard mask, 0 or 255, and/or
      people/<set>/X.alpha.png      soft alpha, 0..255
      backgrounds/<set>/*.jpg       photos without people

Validation: the names of a set are sorted and every 14th (index % 14 == 0) is never trained on; the same rule
splits the backgrounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

VALIDATION_EVERY = 14
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Example:
    """One labelled photo."""

    image: Path
    mask: Path | None
    alpha: Path | None
    set_name: str


def _photos(folder: Path) -> list[Path]:
    labels = (".mask.png", ".alpha.png")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.endswith(labels))


def _split(items: list, split: str) -> list:
    if split == "all":
        return items
    return [item for index, item in enumerate(items) if (index % VALIDATION_EVERY == 0) == (split == "validation")]


def people(data: Path, set_name: str, split: str) -> list[Example]:
    """The labelled photos of `people/<set_name>`; split is "train", "validation" or "all"."""
    examples = []
    for image in _photos(data / "people" / set_name):
        label = [image.with_name(f"{image.stem}.{kind}.png") for kind in ("mask", "alpha")]
        mask, alpha = (p if p.exists() else None for p in label)
        if mask is None and alpha is None:
            raise ValueError(f"{image}: neither {label[0].name} nor {label[1].name} is there")
        examples.append(Example(image, mask, alpha, set_name))
    return _split(examples, split)


def backgrounds(data: Path, split: str) -> list[Path]:
    """Photos without people, of every folder under `backgrounds/`."""
    found = []
    for folder in sorted(p for p in (data / "backgrounds").iterdir() if p.is_dir()):
        found += _split(_photos(folder), split)
    return found


def read_rgb(path: Path) -> np.ndarray:
    """[H, W, 3] uint8 RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: not a readable image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_grey(path: Path, size: tuple[int, int]) -> np.ndarray:
    """[H, W] uint8; must have the size (H, W) of its photo."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError(f"{path}: not a readable image")
    if grey.shape != size:
        raise ValueError(f"{path}: {grey.shape} does not fit its photo {size}")
    return grey


def limit_side(image: np.ndarray, side: int) -> np.ndarray:
    """Shrinks so that the long side is at most `side` (area averaging)."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
