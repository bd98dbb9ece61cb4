"""One image, or a folder of them in natural name order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from .colour import ColourTags, default_matrix
from .errors import InputError
from .fine_images import exr_pixel_aspect, read_exr
from .frame import Frame
from .transfer import eight_bits, srgb_from_linear
from .words import counted

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".exr"})
FOLDER_RATE = Fraction(25)
"""Frames per second of a folder, for outputs that need one."""

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong is said by our own one line


class ImageSource:
    """Iterable of Frame over a single image (`kind` "image") or a folder ("folder"). See `source.open_source`.

    Alpha channels are dropped, EXIF orientation is applied. What has more than 8 bits also comes as `Frame.fine`.
    """

    planar = False
    live = False
    audio_from = None

    def __init__(self, path: Path, *, max_frames: int | None = None, rate: Fraction | None = None):
        self.path = path
        self.kind = "folder" if path.is_dir() else "image"
        self.files = list_images(path)[:max_frames] if self.kind == "folder" else [path]
        self.limited = max_frames is not None
        self.exhausted = False
        self.rate = rate or FOLDER_RATE
        self.origin_seconds = Fraction(0)
        self.frame_count = len(self.files)
        self.warning, self.notice = None, missing_numbers(self.files)
        self._first = self._first_readable()  # (position in files, picture), read once only
        first = self._first[1]
        shape_from = self.files[self._first[0]]
        self.sample_aspect_ratio = exr_pixel_aspect(shape_from) if shape_from.suffix.lower() == ".exr" else Fraction(1)
        self.height, self.width = first.shape[:2]
        self.bits = 16 if first.dtype == np.float32 else 8
        self.colour = ColourTags(default_matrix(self.height), primaries=1, transfer=1)

    def _first_readable(self) -> tuple[int, np.ndarray]:
        problem = None
        for position, path in enumerate(self.files):
            try:
                return position, read_picture(path)
            except InputError as error:
                problem = problem or error
        raise problem

    def __iter__(self) -> Iterator[Frame]:
        unreadable, self.exhausted = [], False
        begin = self._first[0]
        for position, path in enumerate(self.files):
            try:
                pixels = self._pixels(position, path)
            except InputError:
                unreadable.append(path.name)
                continue
            fine = pixels if pixels.dtype == np.float32 else None
            shown = pixels if fine is None else eight_bits(fine)
            # one that was left out keeps its place: those after it have the number, mask and time they would have
            yield Frame(shown, position, position - begin, 1 / self.rate, 1, stem=path.stem, fine_picture=fine)
        self.exhausted = True
        if unreadable:
            shown = ", ".join(unreadable[:5]) + (", ..." if len(unreadable) > 5 else "")
            self.warning = f"{len(unreadable)} of {len(self.files)} images could not be read and were left out: {shown}"

    def _pixels(self, position: int, path: Path) -> np.ndarray:
        known, pixels = self._first
        if position < known:
            raise InputError(f"cannot read {path}")
        if position == known and pixels is not None:
            self._first = (known, None)  # not kept in memory for ever
            return pixels
        return read_picture(path)

    def close(self) -> None:
        """Nothing stays open between images."""

    def __enter__(self) -> ImageSource:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def list_images(folder: Path) -> list[Path]:
    """The images in `folder` (not in folders below it), natural order: 2 before 10. Raises InputError if none."""
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror}") from error
    names = [name for name in names if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES]
    if not names:
        held = ".png, .jpg, .webp, .tif or .exr files (for videos and folders: shm-stream batch)"
        raise InputError(f"no images in the folder {folder}; it should hold {held}")
    return [folder / name for name in sorted(names, key=natural_key)]


def missing_numbers(files: list[Path]) -> str | None:
    """A line about pictures that a numbered sequence seems to lack; None when there are none, or for other names."""
    found = [re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", path.name) for path in files]
    if len(files) < 2 or not all(found) or len({(match[1], match[3]) for match in found}) > 1:
        return None
    numbers = [int(match[2]) for match in found]
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if not 0 < missing < len(numbers):
        return None
    gap = next(at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1)
    between = f"{files[gap - 1].name} and {files[gap].name}"
    return f"{counted(missing, 'number')} missing in {files[0].parent}, the first between {between}; the rest moves up"


def natural_key(name: str) -> tuple:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"([0-9]+)", name.lower())  # text, digits, text, digits, ...
    return tuple(int(part) if position % 2 else part for position, part in enumerate(parts))


def read_picture(path: Path) -> np.ndarray:
    """[H, W, 3] RGB, upright: float32 (see `fine_images`) when the file has more than 8 bits, else uint8.

    Raises InputError with one line.
    """
    pixels = _in_own_depth(path)
    return pixels * np.float32(1 / 65535) if pixels.dtype == np.uint16 else pixels


def read_image(path: Path) -> np.ndarray:
    """[H, W, 3] uint8 RGB, upright; what has more bits is rounded. Raises InputError with one line."""
    pixels = _in_own_depth(path)
    return pixels if pixels.dtype == np.uint8 else eight_bits(pixels)


def _in_own_depth(path: Path) -> np.ndarray:
    """[H, W, 3] uint8, uint16 or float32 RGB, encoded as sRGB. OpenCV itself would cut 16 bits of PNG off to 8."""
    if path.suffix.lower() == ".exr" and path.is_file():
        return read_exr(path)
    pixels = _decoded(path, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if pixels.dtype.kind == "f":
        return srgb_from_linear(np.float32(pixels))  # floating-point pictures are linear by custom
    return pixels if pixels.dtype in (np.uint8, np.uint16) else _decoded(path, cv2.IMREAD_COLOR_RGB)


def _decoded(path: Path, flags: int) -> np.ndarray:
    """[H, W, 3] RGB as OpenCV decodes it with `flags`."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if data.size == 0:
        raise InputError(f"cannot read {path}: the file is empty")
    try:
        pixels = cv2.imdecode(data, flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise InputError(f"cannot read {path} as an image: it is damaged or in an unknown format")
    return pixels
