"""How pictures in files of their own are written: extension, bits, convention, numbers in names."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from . import partial
from .convention import convention_facts, convention_for
from .delivery import PREMULTIPLIED, Delivery, wanted_bits
from .errors import InputError, ShmStreamError
from .fine_images import SUFFIXES as FINE_SUFFIXES
from .fine_images import check_packages, write_fine
from .transfer import in_depth

SETTINGS = {
    ".png": [],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # above 100 means lossless
    ".tif": [],
    ".tiff": [],
    ".bmp": [],
    ".exr": [],
}
"""Extensions that can be written → OpenCV's settings (for EXR: none, see `fine_images`)."""
NUMBER = re.compile(r"(?<!%)%(?:0([1-9]))?d")
"""Where a pattern has its number."""
WITHOUT_ALPHA = frozenset({".jpg", ".jpeg", ".bmp"})


class PictureFormat:
    """How the pictures of one sink are written: extension, bits, convention."""

    def __init__(self, path: Path, suffix: str, kind: str, delivery: Delivery, source):
        """Raises InputError for what cannot be written."""
        check_suffix(path if path.suffix.lower() == suffix else Path(f"{path}{suffix}"), kind)
        unusual = delivery.linear or delivery.alpha_mode == PREMULTIPLIED  # 8-bit TIFF does not say what its alpha is
        bits = 16 if suffix == ".exr" else wanted_bits(delivery, source) or (16 if unusual else 8)
        self.fine = bits > 8 and suffix in FINE_SUFFIXES
        if unusual and not self.fine and suffix in FINE_SUFFIXES:
            raise InputError(f"{path}: linear and premultiplied colours need 16 bits; leave --bits out")
        self.suffix, self.kind = suffix, kind
        self._pixel_aspect = source.sample_aspect_ratio
        self._convention = convention_for(path, suffix, kind, delivery, source)
        if self.fine:
            check_packages(suffix)

    @property
    def bytes_per_pixel(self) -> float:
        """Most memory that encoding a picture takes."""
        if self.fine:
            return 65 if self._convention.linear else 50
        return 3 * {"alpha": 1, "transparent": 4}.get(self.kind, 3)  # in OpenCV's order; a file that grows by doubling

    def save(self, path: Path, picture: np.ndarray, *, shown: Path) -> None:
        """Encode a picture as `sink.open_sink` takes them into a new file. Raises ShmStreamError naming `shown`."""
        picture = self._convention.apply(in_depth(picture, self.fine))
        try:
            if self.fine:
                write_fine(path, picture, self._convention, self._pixel_aspect)
            else:
                _write_8_bits(path, picture)
        except (OSError, RuntimeError, cv2.error) as error:
            partial.discard(path)
            raise ShmStreamError(f"cannot write {shown}: {_reason_of(error)}") from error

    @property
    def warning(self) -> str | None:
        """What the files cannot say."""
        aspect = self._pixel_aspect
        if aspect == 1 or self.suffix == ".exr":
            return None
        said = f"{aspect.numerator}:{aspect.denominator}"
        return f"the pixel aspect {said} is not kept by {self.suffix}; .exr would keep it"

    def facts(self) -> dict:
        """What is written, for the sidecar."""
        half = {"sample": "half float"} if self.suffix == ".exr" else {}
        bits = {"format": self.suffix[1:], "bits": 16 if self.fine else 8} | half
        return bits | convention_facts(self._convention, self.kind)


def _reason_of(error: Exception) -> str:
    """The system's own words. OpenEXR has them in the second sentence of its message."""
    said = re.fullmatch(r".* image file .*?\. (.*)\.", str(error), re.DOTALL)
    return getattr(error, "strerror", None) or (said[1] if said else "the picture cannot be encoded")


def check_suffix(path: Path, kind: str) -> None:
    """Raise InputError for an extension that cannot be written, or not with transparency."""
    suffix = path.suffix.lower()
    if suffix not in SETTINGS:
        raise InputError(f"cannot write {path}: use one of {', '.join(SETTINGS)} for an image")
    if kind == "transparent" and suffix in WITHOUT_ALPHA:
        raise InputError(f"{suffix} has no transparency; use .png, .webp, .tif or .exr")


def _write_8_bits(path: Path, pixels: np.ndarray) -> None:
    """[H, W], [H, W, 3] RGB or [H, W, 4] RGBA uint8. Raises OSError or cv2.error."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    suffix = path.suffix.lower()
    path.write_bytes(cv2.imencode(suffix, pixels, SETTINGS[suffix])[1].data)


def numbered(pattern: Path) -> dict[int, Path]:
    """Number → file, of what lies there under a name that the pattern gives."""
    if not pattern.parent.is_dir():
        return {}
    head, digits, tail = NUMBER.split(pattern.name)
    head, tail = (re.escape(part.replace("%%", "%")) for part in (head, tail))
    name = re.compile(f"{head}([0-9]{{{digits or 1},}}){tail}")
    found = ((name.fullmatch(path.name), path) for path in pattern.parent.iterdir())
    return {int(match[1]): path for match, path in sorted(found, key=lambda pair: pair[1]) if match}


def discard_others(pattern: Path, first: int, last: int) -> None:
    """Delete what lies there under numbers before `first` or after `last`: the rest of a longer sequence.

    Raises ShmStreamError.
    """
    for number, path in numbered(pattern).items():
        if not first <= number <= last:
            partial.remove(path)


def is_picture(suffix: str) -> bool:
    """Whether a file with that extension holds one picture, so that a video needs many of them."""
    return suffix.lower() in SETTINGS


def is_pattern(path: Path) -> bool:
    """Whether the name numbers pictures, as `shot.%04d.png` does. Raises InputError for one with several numbers."""
    if not is_picture(path.suffix):
        return False
    found = NUMBER.findall(path.name)
    if len(found) > 1 or (found and re.search("%(?!%)", NUMBER.sub("", path.name.replace("%%", "")))):
        raise InputError(f"{path} must have one number such as %04d; write other percent signs as %%")
    return bool(found)
