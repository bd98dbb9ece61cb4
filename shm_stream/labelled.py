"""Photos with labels, as they lie in a folder, and the fixed validation split.

    X.jpg         a photo with people
    X.mask.png    hard mask, 0 or 255, and/or
    X.alpha.png   soft alpha, 0..255

Validation: the photos of a folder are sorted by name and every 14th (index % 14 == 0) is never trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError
from .source_images import read_image

VALIDATION_EVERY = 14
SPLITS = ("all", "train", "validation")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LABEL_ENDINGS = (".mask.png", ".alpha.png")


@dataclass(frozen=True)
class Example:
    """One labelled photo."""

    image: Path
    mask: Path | None
    alpha: Path | None
    set_name: str
    """Name of its folder."""


def photos(folder: Path) -> list[Path]:
    """The photos in `folder`, labels left out, sorted by name."""
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror}") from error
    return [p for p in files if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.endswith(LABEL_ENDINGS)]


def label_paths(image: Path) -> list[Path]:
    """Where the hard mask and the soft alpha of a photo belong."""
    return [image.with_name(image.stem + ending) for ending in LABEL_ENDINGS]


def find_labels(image: Path) -> Example | None:
    """The photo with what labels it has; None without any."""
    mask, alpha = (path if path.exists() else None for path in label_paths(image))
    return Example(image, mask, alpha, image.parent.name) if mask or alpha else None


def take_split(items: list, split: str) -> list:
    """`items` in their order: "all", or those of "train" or "validation"."""
    if split == "all":
        return items
    return [item for index, item in enumerate(items) if (index % VALIDATION_EVERY == 0) == (split == "validation")]


def read_label(path: Path, size: tuple[int, int]) -> np.ndarray:
    """[H, W] uint8; must have the size (H, W) of its photo. Raises InputError."""
    grey = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)
    if grey.shape != size:
        found, wanted = (f"{width}x{height}" for height, width in (grey.shape, size))
        raise InputError(f"label {path} is {found}, its photo is {wanted}; make them the same size")
    return grey
