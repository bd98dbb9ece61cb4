"""Pictures as files of their own: one image, a folder for a folder, numbered frames of a video."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import cv2
import numpy as np

from . import partial
from .errors import InputError, ShmStreamError
from .frame import Frame

SETTINGS = {
    ".png": [],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # above 100 means lossless
    ".tif": [],
    ".tiff": [],
    ".bmp": [],
}
"""Extensions that can be written → OpenCV's settings."""
WITHOUT_ALPHA = frozenset({".jpg", ".jpeg", ".bmp"})


class ImageSink:
    """One image file, for a source that is one image."""

    takes_planes = False

    def __init__(self, path: Path, *, kind: str):
        self.path = path
        self.kind = kind
        self.warning: str | None = None
        check_suffix(path, kind)
        self._partial = partial.partial_path(path)
        self._written = self._done = False

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Encode the picture under a temporary name. Raises ShmStreamError."""
        save(self._partial, pixels, shown=self.path)
        self._written = True

    def finish(self) -> Path:
        """Give the file its name. Raises ShmStreamError."""
        if not self._done:
            if not self._written:
                raise ShmStreamError(f"nothing to write to {self.path}: the input gave no picture")
            _commit(self._partial, self.path)
            self._done = True
        return self.path

    def abort(self) -> None:
        """Delete the unfinished file. Does nothing after `finish`."""
        if not self._done:
            self._done = True
            partial.discard(self._partial)


class FolderSink:
    """A folder of lossless PNG files: `<stem>.png` for each input image, `<stem>_000000.png` on for a video.

    Each file appears complete; `abort` keeps those that were, and removes the folder if it made it and it is empty.
    """

    takes_planes = False

    def __init__(self, path: Path, source, *, kind: str, overwrite: bool):
        self.path = path
        self.kind = kind
        self.warning: str | None = None
        self._numbered_stem = source.path.stem if source.kind == "video" else None
        self._check(source, overwrite)
        self._made_folder = False

    def _check(self, source, overwrite: bool) -> None:
        if self.path.exists():
            if not self.path.is_dir():
                raise InputError(f"{self.path} is a file; give a folder, or a file name with a known extension")
            partial.check_folder(self.path)
        else:
            partial.check_folder(self.path.absolute().parent)
        names = self._numbered(source) if source.kind == "video" else _image_names(source.files)
        if self.path.exists():
            for name in names:
                partial.check_target(self.path / name, source.files, overwrite=overwrite)

    def _numbered(self, source) -> list[str]:
        if not self.path.exists():
            return []
        pattern = re.compile(re.escape(source.path.stem) + r"_[0-9]{6,}\.png")
        return sorted(name for name in os.listdir(self.path) if pattern.fullmatch(name))

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Write one picture. Raises ShmStreamError."""
        if not self.path.exists():
            self._make_folder()
        stem = frame.stem if self._numbered_stem is None else f"{self._numbered_stem}_{frame.index:06d}"
        target = self.path / f"{stem}.png"
        unfinished = partial.partial_path(target)
        try:
            save(unfinished, pixels, shown=target)
            _commit(unfinished, target)
        finally:
            partial.discard(unfinished)

    def _make_folder(self) -> None:
        try:
            self.path.mkdir()
        except OSError as error:
            raise ShmStreamError(f"cannot make the folder {self.path}: {error.strerror}") from error
        self._made_folder = True

    def finish(self) -> Path:
        """All files are in place already."""
        return self.path

    def abort(self) -> None:
        if self._made_folder:
            with contextlib.suppress(OSError):  # not empty: finished pictures stay
                self.path.rmdir()


def check_suffix(path: Path, kind: str) -> None:
    """Raise InputError for an extension that cannot be written, or not with transparency."""
    suffix = path.suffix.lower()
    if suffix not in SETTINGS:
        raise InputError(f"cannot write {path}: use one of {', '.join(SETTINGS)} for an image")
    if kind == "transparent" and suffix in WITHOUT_ALPHA:
        raise InputError(f"{suffix} has no transparency; use .png, .webp or .tif")


def save(path: Path, pixels: np.ndarray, *, shown: Path) -> None:
    """Encode [H, W], [H, W, 3] RGB or [H, W, 4] RGBA uint8 into a new file. Raises ShmStreamError naming `shown`."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    suffix = path.suffix.lower()
    try:
        encoded = cv2.imencode(suffix, pixels, SETTINGS[suffix])[1]
        path.write_bytes(encoded.data)
    except (OSError, cv2.error) as error:
        partial.discard(path)
        reason = error.strerror if isinstance(error, OSError) else "the picture cannot be encoded"
        raise ShmStreamError(f"cannot write {shown}: {reason}") from error


def _commit(unfinished: Path, target: Path) -> None:
    try:
        partial.commit(unfinished, target)
    except OSError as error:
        partial.discard(unfinished)
        raise ShmStreamError(f"cannot write {target}: {error.strerror}") from error


def _image_names(files: list[Path]) -> list[str]:
    """Output names for input images. Raises InputError if two would get the same one."""
    taken: dict[str, Path] = {}
    for path in files:
        other = taken.setdefault(path.stem, path)
        if other is not path:
            raise InputError(f"{other.name} and {path.name} would both become {path.stem}.png; rename one of them")
    return [f"{stem}.png" for stem in taken]
