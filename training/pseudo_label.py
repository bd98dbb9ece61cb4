"""Labels photos and videos of your own with teachers, and keeps what the teachers agree on.

    python -m training.pseudo_label --source FOOTAGE --out LABELLED --teacher selfie_multiclass_256x256.tflite

FOOTAGE is searched with all its folders. Two teachers look at every photo, and at one frame in `--every` seconds of
every video: MediaPipe's selfie model (training/teacher.py says where to get it) and the weights of this package. A
picture is kept when their mean IoU reaches `--agreement`; its label is the mean of the two, cut at one half.
LABELLED gets X.jpg and X.mask.png, which `train_tnet --extra LABELLED` reads. What lies there already is not done
again, so the command can be stopped and repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm_stream import Matting
from shm_stream.errors import InputError, ShmStreamError
from shm_stream.labelled import IMAGE_SUFFIXES, LABEL_ENDINGS
from shm_stream.measures import mean_iou
from shm_stream.source import open_source
from shm_stream.source_images import read_image

from . import options
from .layout import limit_side, make_folder, write_picture
from .teacher import SelfieMulticlass

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mts")


@dataclass
class Options:
    source: Path
    out: Path
    teacher: Path
    every: float = 1.0
    agreement: float = 0.9
    side: int = 800
    preset: str = "live"


def footage(folder: Path) -> list[Path]:
    """The photos and videos in a folder and all of its folders. Raises InputError when there are none."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one of photos and videos as --source")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.endswith(LABEL_ENDINGS))
    found = [path for path in files if path.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)]
    if not found:
        raise InputError(f"{folder} holds neither photos nor videos; give another --source")
    return found


def pictures(o: Options) -> Iterator[tuple[str, np.ndarray]]:
    """Name and [H, W, 3] uint8 RGB of every photo and of some frames of every video, in the order of their paths."""
    for path in footage(o.source):
        name = "_".join(path.relative_to(o.source).with_suffix("").parts)
        try:
            if path.suffix.lower() in IMAGE_SUFFIXES:
                yield name, read_image(path)
            else:
                yield from frames(path, name, o.every)
        except ShmStreamError as error:
            print(f"left out: {error}")


def frames(path: Path, name: str, every: float) -> Iterator[tuple[str, np.ndarray]]:
    """One frame of a video in `every` seconds, the first one included."""
    with open_source(path) as source:
        due = 0.0
        for frame in source:
            if frame.pts_seconds >= due:
                due = frame.pts_seconds + every
                yield f"{name}_{frame.index:06}", frame.pixels


def label(image: np.ndarray, teachers: list) -> tuple[np.ndarray, float]:
    """[H, W] uint8 mask, 0 or 255, and the teachers' agreement, 0..1."""
    first, second = (teacher(image) for teacher in teachers)
    return np.where(first + second >= 1, 255, 0).astype(np.uint8), mean_iou(first, second >= 0.5)


def keep(folder: Path, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    """The mask first: a photo with its label is complete, and is not done again."""
    write_picture(folder / f"{name}.mask.png", mask)
    write_picture(folder / f"{name}.jpg", image)


def label_folder(o: Options) -> None:
    footage(o.source)  # nothing to label is said before the teachers are loaded
    make_folder(o.out)
    teachers = [SelfieMulticlass(o.teacher), Matting(o.preset).still]
    kept = seen = 0
    for name, image in pictures(o):
        if (o.out / f"{name}.jpg").exists():
            continue
        image = limit_side(image, o.side)
        mask, agreement = label(image, teachers)
        seen += 1
        if agreement >= o.agreement:
            keep(o.out, name, image, mask)
            kept += 1
        print(f"{'kept' if agreement >= o.agreement else 'left'} {name}: agreement {agreement:.3f}", flush=True)
    print(f"{kept} of {seen} pictures kept in {o.out}")


def main() -> None:
    options.run(label_folder, Options, __doc__)


if __name__ == "__main__":
    main()
