"""Pictures as files of their own: one image, a folder for a folder, numbered frames of a video."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from . import partial
from .delivery import USUAL, Delivery
from .errors import InputError, ShmStreamError
from .frame import Frame
from .picture_format import NUMBER, PictureFormat, discard_others, numbered
from .words import counted


class ImageSink:
    """One image file, for a source that is one image."""

    takes_planes = False

    def __init__(self, path: Path, source, *, kind: str, delivery: Delivery = USUAL):
        self.path = path
        self.kind = kind
        self._format = PictureFormat(path, path.suffix.lower(), kind, delivery, source)
        self.fine, self.facts = self._format.fine, self._format.facts
        self.warning: str | None = self._format.warning
        self.bytes_per_pixel = self._format.bytes_per_pixel
        self._partial = partial.partial_path(path)
        self._written = self._finished = False

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Encode the picture under a temporary name. Raises ShmStreamError."""
        self._format.save(self._partial, pixels, shown=self.path)
        self._written = True

    def finish(self) -> Path:
        """Give the file its name. Raises ShmStreamError."""
        if not self._finished:
            if not self._written:
                raise ShmStreamError(f"nothing to write to {self.path}: the input gave no picture")
            _commit(self._partial, self.path)
            self._finished = True
        return self.path

    def abort(self) -> str | None:
        """Delete the unfinished file. After `finish` there is none, and the name of the finished one is returned."""
        if not self._finished:
            partial.discard(self._partial)
        return str(self.path) if self._finished else None


class FolderSink:
    """Pictures in a folder: `<stem>.png` for each input image, `<stem>_000000.png` on for a video, or numbered as a
    pattern such as `out/shot.%04d.exr` says.

    Each file appears complete, so a sequence is finished picture by picture: `abort` keeps those that were, and removes
    the folder if it made it and it is empty.
    """

    takes_planes = False

    def __init__(self, path: Path, source, *, kind: str, overwrite: bool, delivery: Delivery = USUAL):
        """`path`: the folder, or a pattern in it. Raises InputError."""
        self.path = path
        self.kind = kind
        pattern = NUMBER.search(path.name)
        suffix = path.suffix if pattern else f".{(delivery.image_format or 'png').lstrip('.')}"
        self._format = PictureFormat(path, suffix.lower(), kind, delivery, source)
        self.fine, self.bytes_per_pixel = self._format.fine, self._format.bytes_per_pixel
        self.warning: str | None = self._format.warning
        self._folder = path.parent if pattern else path
        self._pattern = path.name if pattern else f"{_escaped(source.path.stem)}_%06d{suffix}"
        self._by_stem = not pattern and source.kind != "video"
        self._first = delivery.start_number or 0
        self._count, self._last = 0, self._first - 1
        self._check(source, overwrite)
        self._made_folder = False

    def _check(self, source, overwrite: bool) -> None:
        if self._folder.exists():
            if not self._folder.is_dir():
                raise InputError(f"{self._folder} is a file; give a folder, or a file name with a known extension")
            partial.check_folder(self._folder)
        else:
            partial.check_folder(self._folder.absolute().parent)
        if self._by_stem:
            there = [self._folder / name for name in _image_names(source.files, self._format.suffix)]
        else:
            there = numbered(self._folder / self._pattern).values()
        if self._folder.exists():
            for path in there:
                partial.check_target(path, source.files, overwrite=overwrite)

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Write one picture. Raises ShmStreamError."""
        if self._count == 0 and not self._folder.exists():  # later it was deleted, and must not come back half empty
            self._make_folder()
        number = self._first + frame.index
        name = f"{frame.stem}{self._format.suffix}" if self._by_stem else self._pattern % number
        target = self._folder / name
        unfinished = partial.partial_path(target)
        try:
            self._format.save(unfinished, pixels, shown=target)
            _commit(unfinished, target)
        finally:
            partial.discard(unfinished)
        self._count, self._last = self._count + 1, number

    def facts(self) -> dict:
        """What is written, for the sidecar."""
        numbers = {} if self._by_stem else {"first_number": self._first, "last_number": self._last}
        return self._format.facts() | numbers

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir()
        except OSError as error:
            raise ShmStreamError(f"cannot make the folder {self._folder}: {error.strerror}") from error
        self._made_folder = True

    def finish(self) -> Path:
        """All files are in place already; of a longer sequence that was there before, the rest goes."""
        if not self._by_stem:
            discard_others(self._folder / self._pattern, self._first, self._last)
        return self.path

    def abort(self) -> str | None:
        """Remove the folder if it is empty and was made here. Returns how many pictures are kept, if any are."""
        if self._made_folder:
            with contextlib.suppress(OSError):  # not empty: finished pictures stay
                self._folder.rmdir()
        if self._count == 0 or not self._folder.is_dir():
            return None
        return f"{counted(self._count, 'picture')} of {self.path}{self._older()}"

    def _older(self) -> str:
        """A sequence of an earlier run that was not written over to its end is a mixture of two."""
        if self._by_stem or not any(number > self._last for number in numbered(self._folder / self._pattern)):
            return ""
        return f" (those after number {self._last} are of an earlier run)"


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _commit(unfinished: Path, target: Path) -> None:
    try:
        partial.commit(unfinished, target)
    except OSError as error:
        partial.discard(unfinished)
        raise ShmStreamError(f"cannot write {target}: {error.strerror}") from error


def _image_names(files: list[Path], suffix: str) -> list[str]:
    """Output names for input images. Raises InputError if two would get the same one."""
    taken: dict[str, Path] = {}
    for path in files:
        other = taken.setdefault(path.stem, path)
        if other is not path:
            raise InputError(f"{other.name} and {path.name} would both become {path.stem}{suffix}; rename one of them")
    return [f"{stem}{suffix}" for stem in taken]
