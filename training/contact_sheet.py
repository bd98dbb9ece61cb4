"""Many pictures at a glance: photos, or frames of clips, each beside the composite made of it.

    python -m training.contact_sheet FOLDER_OR_FILE... --out sheet.jpg [--columns 10] [--height 150] [--frames 3]

Photos are matted as stills. Clips are matted from their first frame on, as users see them, and `--frames` of their
frames are shown, evenly spread.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from shm_stream import Matting
from shm_stream.errors import InputError
from shm_stream.labelled import IMAGE_SUFFIXES, photos
from shm_stream.partial import check_results
from shm_stream.source import open_source

from . import options
from .layout import limit_side, read_rgb

COLOUR = (58, 110, 165)
"""What stands behind people: nobody wears quite this, and dark and light edges both show on it."""


def files(paths: list[Path]) -> Iterator[Path]:
    """The files themselves, and what lies in the folders."""
    for path in paths:
        yield from (photos(path) or sorted(path.iterdir())) if path.is_dir() else [path]


def pairs(matting: Matting, path: Path, frames: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Picture [H, W, 3] uint8 RGB and alpha [H, W] float32: of the photo, or of some frames of the clip."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        picture = limit_side(read_rgb(path), 1000)
        yield picture, matting.still(picture)
        return
    with open_source(path) as source:
        count = sum(1 for _ in source)
    wanted = {round((i + 0.5) * count / frames) for i in range(frames)}
    video = matting.video()
    with open_source(path) as source:
        for index, frame in enumerate(source):
            alpha = video(frame.pixels)
            if index in wanted:
                yield frame.pixels, alpha


def tile(picture: np.ndarray, alpha: np.ndarray, height: int) -> np.ndarray:
    """Picture and composite side by side, cut to squares of `height`."""
    a = alpha[..., None]
    composite = (a * picture + (1 - a) * np.array(COLOUR) + 0.5).astype(np.uint8)
    return np.hstack([square(picture, height), square(composite, height)])


def square(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle of a wide picture, the upper part of a tall one."""
    height, width = picture.shape[:2]
    edge = min(height, width)
    part = picture[:edge, (width - edge) // 2 :][:, :edge]
    return cv2.resize(np.ascontiguousarray(part), (side, side), interpolation=cv2.INTER_AREA)


def sheet(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """Rows of `columns` tiles with a thin line between them; the last row is filled with grey."""
    framed = [np.pad(t, ((0, 2), (0, 2), (0, 0)), constant_values=255) for t in tiles]
    framed += [np.full_like(framed[0], 128)] * (-len(framed) % columns)
    return np.vstack([np.hstack(framed[i : i + columns]) for i in range(0, len(framed), columns)])


def write(o: argparse.Namespace) -> None:
    check_results(o, "out")
    options.check_least(o, 1, "columns", "height", "frames")
    matting = Matting()
    found = (pair for path in files(o.paths) for pair in pairs(matting, path, o.frames))
    tiles = [tile(*pair, o.height) for pair in islice(found, o.most)]
    if not tiles:
        raise InputError(f"there is no picture in {', '.join(map(str, o.paths))}")
    made = sheet(tiles, o.columns)
    cv2.imwrite(str(o.out), cv2.cvtColor(made, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(o.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--height", type=int, default=150)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--most", type=int, default=None, help="stop after so many pictures")
    options.run_parser(write, parser)


if __name__ == "__main__":
    main()
