"""What shows where alpha is 0: an image, a looped video, a colour, the blurred scene, or nothing."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from .background_blur import blurred_background
from .css_colours import NAMES
from .errors import InputError
from .frame import Frame
from .source_images import IMAGE_SUFFIXES, read_image
from .source_video import VideoSource

FORMS = "an image, a video, #rgb, #rrggbb, a CSS colour name, blur, blur:1 to blur:100, or transparent"
DEFAULT_BLUR = 25


def open_background(spec: str, width: int, height: int) -> Background:
    """A background for frames of about `width` x `height`; each frame's own size counts in the end.

    `spec` is one of FORMS; an existing file wins over a name. Raises InputError.
    """
    path = Path(spec)
    if path.is_file():
        return _open_file(path)
    if spec == "transparent":
        return ColourBackground((0, 0, 0), kind="transparent")
    if spec == "blur" or spec.startswith("blur:"):
        return BlurBackground(_blur_strength(spec))
    return ColourBackground(parse_colour(spec))


def _open_file(path: Path):
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageBackground(read_image(path))
    return VideoBackground(VideoSource(path))


def _blur_strength(spec: str) -> int:
    text = spec.partition(":")[2] or str(DEFAULT_BLUR)
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise InputError(f"background {spec!r}: the strength of the blur is a whole number from 1 to 100")
    return int(text)


def parse_colour(spec: str) -> tuple[int, int, int]:
    """(R, G, B) of `#rgb`, `#rrggbb` or a CSS name. Raises InputError that lists every form of background."""
    text = spec.strip().lower()
    digits = NAMES.get(text, text[1:] if text.startswith("#") else "")
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        raise InputError(f"background {spec!r} is neither an existing file nor a known form; give {FORMS}")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


class ColourBackground:
    """One colour everywhere; black stands in for "transparent"."""

    def __init__(self, colour: tuple[int, int, int], *, kind: str = "colour"):
        self.kind = kind
        self.colour = colour
        self._picture = np.empty((0, 0, 3), np.uint8)

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB of the frame's size. The same array is returned as long as the size stays."""
        if self._picture.shape != frame.pixels.shape:
            self._picture = np.empty_like(frame.pixels)
            self._picture[...] = self.colour
        return self._picture

    def close(self) -> None:
        """Nothing is open."""


class ImageBackground:
    """A still picture that covers the frame."""

    kind = "image"

    def __init__(self, pixels: np.ndarray):
        self._pixels = pixels
        self._fitted = np.empty((0, 0, 3), np.uint8)

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB, fitted once per size."""
        height, width = frame.pixels.shape[:2]
        if self._fitted.shape[:2] != (height, width):
            self._fitted = cover_fit(self._pixels, width, height)
        return self._fitted

    def close(self) -> None:
        """Nothing is open."""


class VideoBackground:
    """A video that covers the frame, plays at its own rate and starts again at its end. One picture is kept."""

    kind = "video"

    def __init__(self, source: VideoSource):
        self._source = source
        self._frames = iter(source)
        self._offset = Fraction(0)  # when the present round began
        self._shown = self._next = None
        self._fitted: np.ndarray | None = None

    def at(self, frame: Frame, background_probability: np.ndarray | None = None) -> np.ndarray:
        """[H, W, 3] uint8 RGB: the picture that the loop shows at `frame.pts`, which never goes back."""
        now = frame.pts * frame.time_base
        while self._next is None or self._offset + self._next.pts * self._next.time_base <= now:
            if not self._advance(now):
                break
        height, width = frame.pixels.shape[:2]
        if self._fitted is None or self._fitted.shape[:2] != (height, width):
            self._fitted = cover_fit(self._shown.pixels, width, height)
        return self._fitted

    def _advance(self, now: Fraction) -> bool:
        """Show the next picture and read the one after it; False when that one is not due yet."""
        if self._next is not None:
            self._shown, self._fitted = self._next, None
        self._next = next(self._frames, None)
        if self._next is not None:
            return True
        if self._shown is None:
            raise InputError(f"no frame of the background {self._source.path} can be decoded")
        ends = self._offset + (self._shown.pts + self._shown.duration) * self._shown.time_base
        if ends > now:
            return False
        self._offset, self._frames = ends, iter(self._source)
        return True

    def close(self) -> None:
        """Close the file. No `at` may be running or follow."""
        self._frames.close()


class BlurBackground:
    """The scene itself, blurred without the subject's colours."""

    kind = "blur"

    def __init__(self, strength: int):
        self.strength = strength

    def at(self, frame: Frame, background_probability: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 RGB. Strength N blurs with a standard deviation of N thousandths of the height."""
        sigma = self.strength / 1000 * frame.pixels.shape[0]
        return blurred_background(frame.pixels, background_probability, sigma)

    def close(self) -> None:
        """Nothing is open."""


Background = ColourBackground | ImageBackground | VideoBackground | BlurBackground


def cover_fit(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale [h, w, 3] uint8 to cover width x height without distortion and cut the middle out: [H, W, 3]."""
    rows, columns = pixels.shape[:2]
    scale = max(width / columns, height / rows)
    cut_width, cut_height = min(columns, max(1, round(width / scale))), min(rows, max(1, round(height / scale)))
    top, left = (rows - cut_height) // 2, (columns - cut_width) // 2
    middle = pixels[top : top + cut_height, left : left + cut_width]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(middle, (width, height), interpolation=interpolation))
