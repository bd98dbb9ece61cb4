"""Grey pictures that a user made for the frames of a source: trimaps, and regions to keep or to leave out."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from .colour import BT601, FULL, ColourTags
from .errors import InputError, ShmStreamError
from .frame import Frame
from .recolour import recoloured_luma
from .source import open_source
from .source_images import IMAGE_SUFFIXES, list_images, read_image

SAME_PROPORTIONS = 0.01
"""How far a mask's proportions may be from the frame's, as a share."""
COUNT_SLACK = 2
"""Frames by which the lengths that two headers state may differ before anything is read."""


def open_mask(
    path: str | os.PathLike, what: str, source, *, start_seconds=0.0, duration_seconds=None, max_frames=None, first=None
):
    """The mask in `path`, an image, a folder or a video, for the frames of `source`, which was cut in the same way.

    An image is for all frames. A folder has one for each picture of a folder, with its stem; for a video it has, as a
    video has, one for each frame. `what` names the mask in messages. `first`: which frame of the whole the first of
    `source` is, where that is a part; its masks were counted with the whole, and those in a video are cut to it. The
    result has `at(frame)` and `close()`. Raises InputError for what cannot be read or does not fit.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{what} {path} does not exist; check the name")
    if is_still(path):
        mask = StillMask(path, what)
        check_proportions(mask.pixels.shape, (source.height, source.width), mask.name)
        return mask
    if path.is_dir() and source.kind != "video":
        return NamedMasks(path, what, source)
    if source.live or source.kind != "video":
        raise InputError(f"{what} {path} has a picture for each frame of a video file; give an image for this input")
    cut = {"start_seconds": start_seconds, "duration_seconds": duration_seconds, "max_frames": max_frames}
    masks = open_source(path, **cut)
    check_proportions((masks.height, masks.width), (source.height, source.width), f"{what} {path}")
    if first is None:
        _check_counts(masks, source, f"{what} {path}")
    if path.is_dir():
        return MaskFolder(masks.files, what, first or 0)
    return MaskVideo(masks, what, counted=first is not None)


def is_still(path: Path) -> bool:
    """Whether a mask is one picture, for all frames."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()


class StillMask:
    """One mask for all frames."""

    def __init__(self, path: Path, what: str):
        self.name = f"{what} {path}"
        self.pixels = grey(read_image(path))
        self._fitted = self.pixels

    def at(self, frame: Frame) -> np.ndarray:
        """[H, W] uint8 of the frame's size. Raises ShmStreamError when the frame has other proportions."""
        if self._fitted.shape != frame.size:
            self._fitted = fitted(self.pixels, frame.size, self.name)
        return self._fitted

    def close(self) -> None:
        """Nothing is open."""


class NamedMasks:
    """A mask for each picture of a folder, or for a single picture, found by its stem."""

    def __init__(self, folder: Path, what: str, source):
        """Raises InputError when a picture has none."""
        self._what = what
        self._paths = {path.stem: path for path in list_images(folder)}
        missing = [path.name for path in source.files if path.stem not in self._paths]
        if missing:
            more = f" and {len(missing) - 1} more pictures" if len(missing) > 1 else ""
            raise InputError(f"{what} folder {folder} has no picture for {missing[0]}{more}; names must be the same")
        first = self._paths[source.files[0].stem]
        check_proportions(read_image(first).shape, (source.height, source.width), f"{what} {first}")

    def at(self, frame: Frame) -> np.ndarray:
        """[H, W] uint8 of the frame's size. Raises ShmStreamError when it cannot be read or does not fit."""
        path = self._paths[frame.stem]
        return fitted(grey(read_image(path)), frame.size, f"{self._what} {path}")

    def close(self) -> None:
        """Nothing stays open between pictures."""


class MaskFolder:
    """A picture for each frame of a video, in natural order of their names."""

    def __init__(self, files: list[Path], what: str, first: int = 0):
        self._files, self._what, self._first = files, what, first

    def at(self, frame: Frame) -> np.ndarray:
        """[H, W] uint8 of the frame's size. Raises ShmStreamError when there are too few, or one cannot be read."""
        number = self._first + frame.index
        if number >= len(self._files):
            raise _too_few(f"{self._what} {self._files[0].parent}", len(self._files))
        path = self._files[number]
        try:
            pixels = read_image(path)
        except InputError as error:
            raise ShmStreamError(f"{self._what}: {error}") from error
        return fitted(grey(pixels), frame.size, f"{self._what} {path}")

    def close(self) -> None:
        """Nothing stays open between pictures."""


class MaskVideo:
    """A mask for each frame of a video, in the same order."""

    def __init__(self, source, what: str, *, counted: bool):
        """`counted`: there are enough, so that the end comes only where some are lost."""
        self._name, self._count, self._counted = f"{what} {source.path}", 0, counted
        self._source, self._frames = source, iter(source)

    def at(self, frame: Frame) -> np.ndarray:
        """[H, W] uint8 of the frame's size; frames come in order. Raises ShmStreamError when there are too few, or some
        cannot be decoded: those after them would be taken for others."""
        while True:
            mask = next(self._frames, None)
            if self._source.lost or (mask is None and self._counted):
                problem = "is damaged: pictures of it cannot be decoded; give one that is whole"
                raise ShmStreamError(f"{self._name} {problem}")
            if mask is None:
                raise _too_few(self._name, self._count)
            self._count += 1
            if mask.index == frame.index:
                return fitted(grey_of(mask), frame.size, self._name)

    def close(self) -> None:
        """Close the file. No `at` may be running or follow."""
        self._frames.close()


def _too_few(name: str, count: int) -> ShmStreamError:
    return ShmStreamError(f"{name} has only {count} pictures, but the input has more frames")


def grey(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 RGB → [H, W] uint8."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def grey_of(frame: Frame) -> np.ndarray:
    """[H, W] uint8: `grey` of its pixels, from planes without them. It is the luma of full-range BT.601."""
    return grey(frame.pixels) if frame.planes is None else recoloured_luma(frame.planes, ColourTags(BT601, FULL))


def fitted(mask: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    """[h, w] → [H, W] for `size` = (H, W). Raises ShmStreamError when the proportions differ."""
    if mask.shape == size:
        return mask
    problem = mismatch(mask.shape, size, name)
    if problem:
        raise ShmStreamError(problem)
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR)


def check_proportions(shape: tuple[int, ...], size: tuple[int, int], name: str) -> None:
    """Raises InputError where there is a `mismatch`."""
    problem = mismatch(shape, size, name)
    if problem:
        raise InputError(problem)


def mismatch(shape: tuple[int, ...], size: tuple[int, int], name: str) -> str | None:
    """A line, unless `shape` = (h, w, ...) is `size` = (H, W) or an enlarged or reduced copy of it."""
    (h, w), (height, width) = shape[:2], size
    if abs(h * width - w * height) <= max(SAME_PROPORTIONS * h * width, width, height):
        return None
    return f"{name} is {w}x{h}, the input {width}x{height}: give masks of that size or its proportions"


def _check_counts(masks, source, name: str) -> None:
    have, want = masks.frame_count, source.frame_count
    if have is not None and want is not None and have < want - COUNT_SLACK:
        raise InputError(f"{name} has {have} pictures for {want} frames; give one for each, or a single image")
