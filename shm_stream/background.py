"""What shows where alpha is 0: an image, a looped video, a colour, the blurred scene, the scene itself, or nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from .background_blur import blurred_background, blurred_planes
from .background_video import VideoBackground
from .cover_fit import cover_fit
from .css_colours import NAMES
from .errors import InputError
from .frame import Frame
from .planes import planes_from_rgb
from .source_images import IMAGE_SUFFIXES, read_image
from .source_video import VideoSource
from .yuv_planes import YuvPlanes, same_numbers

NAMED = "#rgb, #rrggbb, a CSS colour name, blur, blur:1 to blur:100"
"""Forms of a background that are no file."""
FORMS = f"an image, a video, {NAMED}, off, or transparent"
DEFAULT_BLUR = 25


def open_background(spec: str, width: int, height: int) -> Background:
    """A background for frames of about `width` x `height`; each frame's own size counts in the end.

    `spec` is one of FORMS; an existing file wins over a name. Raises InputError.
    """
    path = Path(spec)
    if path.is_file():
        return open_background_file(path)
    if spec == "transparent":
        return ColourBackground((0, 0, 0), kind="transparent")
    return _named(spec, f"is neither an existing file nor a known form; give {FORMS}")


def named_background(spec: str) -> Background:
    """A colour, blur or off, for a job that composites already. Raises InputError.

    Never a file, so that whoever asks learns nothing of those, and never transparent: composites have no alpha.
    """
    if spec == "transparent":
        raise InputError(
            "background 'transparent': this job makes composites, which have no alpha; "
            "give it --alpha PATH or --obs when it starts, or start one with --bg transparent"
        )
    return _named(spec, f"is not one to change to; give the id of one that is offered, {NAMED}, or off")


def _named(spec: str, problem: str) -> Background:
    """`problem`: what is said about a name that nobody knows."""
    if spec == "off":
        return SourceBackground()
    if spec == "blur" or spec.startswith("blur:"):
        return BlurBackground(_blur_strength(spec))
    return ColourBackground(parse_colour(spec, problem))


def open_background_file(path: Path) -> ImageBackground | VideoBackground:
    """The picture or video in a file. Raises InputError."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageBackground(read_image(path))
    return VideoBackground(VideoSource(path))


def _blur_strength(spec: str) -> int:
    text = spec.partition(":")[2] or str(DEFAULT_BLUR)
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise InputError(f"background {spec!r}: the strength of the blur is a whole number from 1 to 100")
    return int(text)


def parse_colour(spec: str, problem: str) -> tuple[int, int, int]:
    """(R, G, B) of `#rgb`, `#rrggbb` or a CSS name. Raises InputError that says the `problem` with another one."""
    text = spec.strip().lower()
    digits = NAMES.get(text, text[1:] if text.startswith("#") else "")
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        raise InputError(f"background {spec!r} {problem}")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


class _PlainBackground:
    """What has nothing open and no clock."""

    def prepare(self, frame: Frame) -> None:
        """Do beforehand, in the thread of whoever brings it, what can be done for frames like this one."""

    def begin(self, frame: Frame) -> None:
        """It is shown from this frame on."""

    def close(self) -> None:
        """Nothing is open."""


class _StillBackground(_PlainBackground):
    """What is the same for all frames of one size."""

    _planes: YuvPlanes | None = None

    def planes_at(self, frame: Frame, background_probability: np.ndarray | None = None) -> YuvPlanes:
        """What `at` gives, as planes with the frame's matrix and range: converted once."""
        tags, made = frame.planes.tags, self._planes
        if made is None or made.size != frame.size or not same_numbers(made.tags, tags):
            self._planes = planes_from_rgb(self.at(frame), tags)
        return self._planes

    def prepare(self, frame: Frame) -> None:
        """Fit it."""
        (self.at if frame.planes is None else self.planes_at)(frame)


class ColourBackground(_StillBackground):
    """One colour everywhere; black stands in for "transparent"."""

    def __init__(self, colour: tuple[int, int, int], *, kind: str = "colour"):
        self.kind = kind
        self.colour = colour
        self._picture = np.empty((0, 0, 3), np.uint8)

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB of the frame's size. The same array is returned as long as the size stays."""
        if self._picture.shape[:2] != frame.size:
            self._picture = np.empty((*frame.size, 3), np.uint8)
            self._picture[...] = self.colour
        return self._picture


class ImageBackground(_StillBackground):
    """A still picture that covers the frame."""

    kind = "image"

    def __init__(self, pixels: np.ndarray):
        self._pixels = pixels
        self._fitted = np.empty((0, 0, 3), np.uint8)

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB, fitted once per size."""
        if self._fitted.shape[:2] != frame.size:
            self._fitted = cover_fit(self._pixels, *frame.size[::-1])
        return self._fitted


class BlurBackground(_PlainBackground):
    """The scene itself, blurred without the subject's colours."""

    kind = "blur"

    def __init__(self, strength: int):
        self.strength = strength

    def at(self, frame: Frame, background_probability: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 RGB. Strength N blurs with a standard deviation of N thousandths of the height."""
        return blurred_background(frame.pixels, background_probability, self._sigma(frame))

    def planes_at(self, frame: Frame, background_probability: np.ndarray) -> YuvPlanes:
        """The same in planes, from planes."""
        return blurred_planes(frame.planes, background_probability, self._sigma(frame))

    def _sigma(self, frame: Frame) -> float:
        return self.strength / 1000 * frame.size[0]


class SourceBackground(_PlainBackground):
    """The scene as it is: the composite is the frame."""

    kind = "off"

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB"""
        return frame.pixels

    def planes_at(self, frame: Frame, background_probability: np.ndarray | None = None) -> YuvPlanes:
        return frame.planes


Background = ColourBackground | ImageBackground | VideoBackground | BlurBackground | SourceBackground
