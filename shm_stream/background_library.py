"""Pictures and videos to choose a background from while a job runs: a folder's, and those brought along."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .background import Background, open_background_file
from .cover_fit import cover_fit
from .errors import InputError
from .source_images import IMAGE_SUFFIXES, read_image
from .source_video import VideoSource

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
THUMBNAIL = (192, 108)
"""Width and height."""
MOST_BROUGHT = 32
MOST_BYTES = 1 << 30
"""Of everything brought along together."""


@dataclass(frozen=True)
class Choice:
    """A file that can be the background."""

    id: str
    """What it is asked for by. Paths are never asked for."""
    name: str
    """For people."""
    kind: str
    """"image" or "video"."""
    path: Path


class BackgroundLibrary:
    """Looks into `folder` anew each time; remembers what was brought along until `close`."""

    def __init__(self, folder: Path | None = None, given: Path | None = None):
        """`given`: one more file, such as the background that the job began with. Raises InputError."""
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder} is not a folder; give --backgrounds a folder of pictures and videos")
        self._folder = folder
        self._own = [] if given is None else [_choice(given, "given", given.name)]
        self._keep = Path(tempfile.mkdtemp(prefix="shm-stream-backgrounds-"))  # for this user alone
        self._thumbnails: dict[tuple, bytes] = {}
        self._lock = threading.Lock()
        self._count = self._bytes = 0

    def choices(self) -> list[Choice]:
        """What was given, the folder's files in the order of their names, then what was brought along."""
        with self._lock:
            own = [choice for choice in self._own if choice.path.is_file()]
        given = [choice for choice in own if choice.id == "given"]
        folder = [c for c in self._in_folder() if not any(c.path.samefile(g.path) for g in given)]
        return given + folder + [choice for choice in own if choice not in given]

    def _in_folder(self) -> list[Choice]:
        if self._folder is None or not self._folder.is_dir():
            return []
        paths = sorted(self._folder.iterdir(), key=lambda path: path.name.lower())
        return [_choice(path, _file_id(path), path.name) for path in paths if self._offers(path)]

    def _offers(self, path: Path) -> bool:
        inside = path.resolve().is_relative_to(self._folder.resolve())  # a link may lead anywhere
        known = path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
        return known and inside and path.is_file() and not path.name.startswith(".")

    def find(self, id: str) -> Choice:
        """The choice of that id. Raises InputError."""
        for choice in self.choices():
            if choice.id == id:
                return choice
        raise InputError(f"there is no background '{id[:40]}'; it may have been removed")

    def open(self, id: str) -> Background:
        """Raises InputError when it is gone or cannot be read."""
        return open_background_file(self.find(id).path)

    def new_file(self, suffix: str) -> Path:
        """Where something brought along may be written; `suffix` is one of ours, never the sender's."""
        with self._lock:
            if len(self._own) > MOST_BROUGHT or self._bytes > MOST_BYTES:
                raise InputError("too many backgrounds were brought along; start again to forget them")
            self._count += 1
            return self._keep / f"{self._count}{suffix}"

    def bring(self, path: Path, name: str) -> Choice:
        """Offer a file that `new_file` named; `name` is only shown."""
        choice = _choice(path, f"brought-{path.stem}", _printable(name) or path.name)
        with self._lock:
            self._own.append(choice)
            self._bytes += path.stat().st_size
        return choice

    def thumbnail(self, id: str) -> bytes:
        """A JPEG of THUMBNAIL size; for a video, of its beginning. Raises InputError."""
        choice = self.find(id)
        key = choice.path, choice.path.stat().st_mtime_ns
        if key not in self._thumbnails:
            pixels = cover_fit(_first_picture(choice), *THUMBNAIL)
            self._thumbnails[key] = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
        return self._thumbnails[key]

    def close(self) -> None:
        """Delete what was brought along."""
        shutil.rmtree(self._keep, ignore_errors=True)


def _choice(path: Path, id: str, name: str) -> Choice:
    return Choice(id, name, "image" if path.suffix.lower() in IMAGE_SUFFIXES else "video", path)


def _file_id(path: Path) -> str:
    return "file-" + hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:16]


def _first_picture(choice: Choice) -> np.ndarray:
    if choice.kind == "image":
        return read_image(choice.path)
    return next(iter(VideoSource(choice.path, max_frames=1))).pixels


def _printable(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:80].strip()
