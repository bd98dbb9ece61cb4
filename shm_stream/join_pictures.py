"""Numbered pictures of parts, made apart, put into one sequence: no pixel is copied."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from . import partial
from .errors import ShmStreamError
from .picture_format import discard_others


def join_pictures(pictures: Iterable[Path], target: Path, first: int) -> None:
    """Give pictures, in order, the names that the pattern `target` has for `first` and the numbers after it.

    Of a longer sequence that was there before, the rest goes. Where the file system has hard links the pictures stay
    in their parts too, so that this can be done again when it was interrupted. Raises ShmStreamError.
    """
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            _place(picture, target.with_name(target.name % (first + count)))
            count += 1
        discard_others(target, first, first + count - 1)
    except OSError as error:
        raise ShmStreamError(f"cannot write {target}: {error.filename}: {error.strerror}") from error


def _place(picture: Path, target: Path) -> None:
    unfinished = partial.partial_path(target)
    try:
        os.link(picture, unfinished)
    except OSError:  # no hard links on this file system
        partial.commit(picture, target)
        return
    try:
        partial.commit(unfinished, target)
    finally:
        partial.discard(unfinished)  # renaming does nothing where both names are one file already
