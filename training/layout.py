"""The folder layout of training data. Labels and the fixed validation split are those of `shm_stream.labelled`.

    DATA/
      people/<set>/X.jpg            a photo with people
      people/<set>/X.mask.png       hard mask, 0 or 255, and/or
      people/<set>/X.alpha.png      soft alpha, 0..255
      backgrounds/<set>/*.jpg       photos without people

The same rule splits the photos of each folder of people and of backgrounds.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from shm_stream.errors import InputError, ShmStreamError
from shm_stream.labelled import Example, find_labels, label_paths, photos, take_split
from shm_stream.labelled import read_label as read_grey
from shm_stream.partial import check_folder
from shm_stream.source_images import read_image as read_rgb

__all__ = [
    "SETS",
    "SOFT_SETS",
    "Example",
    "backgrounds",
    "further_photos",
    "held_out",
    "limit_side",
    "make_folder",
    "people",
    "photos",
    "read_grey",
    "read_rgb",
    "take_split",
    "write_picture",
]

SETS = ("portraits_soft", "portraits", "fullbody", "groups")
"""All of these are trained on and measured."""
SOFT_SETS = SETS[:3]
"""Sets whose people are pasted, which takes a soft alpha."""


def people(data: Path, set_name: str, split: str) -> list[Example]:
    """The labelled photos of `people/<set_name>`; split is "train", "validation" or "all"."""
    return take_split(labelled_photos(data / "people" / set_name), split)


def held_out(data: Path, set_name: str) -> list[Example]:
    """The photos of `people/<set_name>` to measure with. Raises InputError when there are none."""
    found = people(data, set_name, "validation")
    if not found:
        raise InputError(f"{data / 'people' / set_name} holds no photos to measure with; add some")
    return found


def further_photos(folder: Path) -> list[Example]:
    """The labelled photos of a folder beyond DATA. Raises InputError when there are none."""
    found = labelled_photos(folder)
    if not found:
        raise InputError(f"{folder} holds no photos; leave the option out or give another folder")
    return found


def labelled_photos(folder: Path) -> list[Example]:
    """Every photo of `folder`, each of which must have a label. Raises InputError."""
    examples = []
    for image in photos(folder):
        example = find_labels(image)
        if example is None:
            mask, alpha = (path.name for path in label_paths(image))
            raise InputError(f"{image} has neither {mask} nor {alpha} beside it; add one or take the photo away")
        examples.append(example)
    return examples


def backgrounds(data: Path, split: str) -> list[Path]:
    """Photos without people, of every folder under `backgrounds/`. Raises InputError when there are none."""
    root, found = data / "backgrounds", []
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; training.check_data --help shows the layout")
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        found += take_split(photos(folder), split)
    if not found:
        what = "to train on" if split == "train" else "to measure with"
        raise InputError(f"the folders in {root} hold no photos {what}; add some without people")
    return found


def limit_side(image: np.ndarray, side: int) -> np.ndarray:
    """Shrinks so that the long side is at most `side` (area averaging)."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def make_folder(folder: Path) -> None:
    """Makes it, unless it is there, and sees that files can be written into it. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}); give another one") from error
    check_folder(folder)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """[H, W] uint8, or [H, W, 3] uint8 RGB; makes the folder. Raises ShmStreamError."""
    make_folder(path.parent)
    if not cv2.imwrite(str(path), picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise ShmStreamError(f"{path} cannot be written")
