"""Looks at every file of the training data and names the bad ones.

    python -m training.check_data --data DATA [--smallest 64]

Layout:

    DATA/people/<set>/X.jpg            a photo with people (.jpg, .jpeg, .png or .webp)
    DATA/people/<set>/X.mask.png       hard mask, 0 or 255, and/or
    DATA/people/<set>/X.alpha.png      soft alpha, 0..255; both of the size of the photo
    DATA/backgrounds/<set>/X.jpg       a photo without people

Bad is: a photo or label that cannot be read; a photo whose short side is below `--smallest` pixels; a photo of people
without any label; a label without a photo; a label of another size; a mask that is empty or holds other values than 0
and 255; an alpha that is the same everywhere; and a photo in both the training and the validation split, by its
pixels. One line per finding; exit code 1 when there is any.

The sets portraits_soft, portraits, fullbody and groups are trained on, each with two photos at least, since the first
is kept for validation; of all but groups a soft alpha. Where one is missing or empty, or there are no backgrounds,
that is all that is said, with exit code 2.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm_stream.errors import InputError, ShmStreamError
from shm_stream.labelled import LABEL_ENDINGS, find_labels, label_paths, photos, read_label, take_split
from shm_stream.source_images import read_image

from . import options
from .layout import SETS, SOFT_SETS

KINDS = ("people", "backgrounds")


@dataclass
class Options:
    data: Path
    smallest: int = 64


@dataclass
class Found:
    """A photo that could be read."""

    path: Path
    split: str
    digest: str
    """Of size and pixels."""


def check(data: Path, smallest: int) -> tuple[list[str], int]:
    """One line per bad file, and the number of photos looked at. Raises InputError when DATA has not the layout."""
    problems, found, seen = [], [], 0
    folders = set_folders(data)
    lacks = [lack_of_people(data / "people" / name) for name in SETS] + [lack_of_backgrounds(data)]
    if any(lacks):
        raise InputError(f"{data} lacks what is trained on: {'; '.join(filter(None, lacks))}")
    for folder in folders:
        images = photos(folder)
        seen += len(images)
        problems += lost_labels(folder, images)
        validation = set(take_split(images, "validation"))
        for image in images:
            try:
                pixels = read_image(image)
            except InputError as error:
                problems.append(str(error))
                continue
            problems += photo_problems(image, pixels, smallest)
            if folder.parent.name == "people":
                problems += label_problems(image, pixels.shape[:2])
            found.append(Found(image, "validation" if image in validation else "train", digest(pixels)))
    return [*problems, *leaks(found)], seen


def set_folders(data: Path) -> list[Path]:
    """Every folder of photos."""
    folders = []
    for kind in KINDS:
        if not (data / kind).is_dir():
            raise InputError(f"there is no folder {data / kind}; training.check_data --help shows the layout")
        folders += sorted(path for path in (data / kind).iterdir() if path.is_dir())
    return folders


def lack_of_people(folder: Path) -> str | None:
    """What a set that is trained on has too little of."""
    name = f"people/{folder.name}"
    if not folder.is_dir():
        return f"there is no folder {name}"
    images = take_split(photos(folder), "train")
    if not images:
        return f"{name} holds no two photos"
    soft = any(example and example.alpha for example in map(find_labels, images))
    return f"{name} has no soft alpha" if folder.name in SOFT_SETS and not soft else None


def lack_of_backgrounds(data: Path) -> str | None:
    folders = (path for path in (data / "backgrounds").iterdir() if path.is_dir())
    enough = any(take_split(photos(path), "train") for path in folders)
    return None if enough else "no folder in backgrounds holds two photos"


def photo_problems(image: Path, pixels: np.ndarray, smallest: int) -> Iterator[str]:
    height, width = pixels.shape[:2]
    if min(height, width) < smallest:
        yield f"{image} is {width}x{height}: its short side is below {smallest}"


def label_problems(image: Path, size: tuple[int, int]) -> Iterator[str]:
    """What is wrong with the labels of a photo of `size` (H, W)."""
    example = find_labels(image)
    if example is None:
        yield f"{image} has no label: neither {' nor '.join(path.name for path in label_paths(image))}"
        return
    for path, judge in ((example.mask, mask_problem), (example.alpha, alpha_problem)):
        if path is None:
            continue
        try:
            problem = judge(read_label(path, size))
        except InputError as error:
            yield str(error)
            continue
        if problem:
            yield f"{path} {problem}"


def mask_problem(mask: np.ndarray) -> str | None:
    other = np.setdiff1d(mask, (0, 255))
    if len(other):
        return f"is no hard mask: it holds {len(other)} values besides 0 and 255, {other[0]} among them"
    return None if mask.any() else "is empty: nobody is marked"


def alpha_problem(alpha: np.ndarray) -> str | None:
    return f"is {alpha.flat[0]} everywhere" if alpha.min() == alpha.max() else None


def lost_labels(folder: Path, images: list[Path]) -> Iterator[str]:
    """Labels whose photo is not there."""
    wanted = {path for image in images for path in label_paths(image)}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(LABEL_ENDINGS) and path not in wanted:
            yield f"{path} has no photo beside it"


def digest(pixels: np.ndarray) -> str:
    """The same for the same picture under another name or in another lossless file."""
    return hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def leaks(found: list[Found]) -> Iterator[str]:
    """Photos that are both trained on and validated with."""
    by_digest = defaultdict(list)
    for photo in found:
        by_digest[photo.digest].append(photo)
    for same in by_digest.values():
        train = next((p.path for p in same if p.split == "train"), None)
        for photo in same:
            if train and photo.split == "validation":
                yield f"{photo.path} is a validation photo, and {train}, which is trained on, is the same picture"


def report(o: Options) -> None:
    problems, seen = check(o.data, o.smallest)
    for problem in problems:
        print(problem)
    if problems:
        raise ShmStreamError(f"{len(problems)} problems in {seen} photos of {o.data}")
    print(f"{seen} photos of {o.data}: nothing is wrong")


def main() -> None:
    options.run(report, Options, __doc__)


if __name__ == "__main__":
    main()
