"""Labels the parts of people in photos that have masks: hair, skin, clothes. A second lesson for T-Net.

    python -m training.label_parts --data DATA --out PARTS --teacher selfie_multiclass_256x256.tflite [--extra LABELLED]

The teacher (training/teacher.py says where to get it) names a part for every pixel that the mask, or the soft alpha,
calls a person; what the mask calls background stays background, whatever the teacher thinks. OUT gets
`<set>/X.parts.png`, which `train_tnet --parts PARTS` reads. What lies there already is not done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm_stream.errors import InputError

from . import options
from .layout import Example, labelled_photos, people, read_grey, read_rgb, write_picture
from .parts import parts_path
from .teacher import SelfieMulticlass


@dataclass
class Options:
    data: Path
    out: Path
    teacher: Path
    extra: Path | None = None
    sets: str = "portraits_soft,portraits,fullbody,groups"
    threads: int = 2


def label(image: np.ndarray, person: np.ndarray, teacher: SelfieMulticlass) -> np.ndarray:
    """[H, W] uint8: 0 for background, 1 to 5 for the parts in the order of `parts.PARTS`."""
    likeliest = 1 + teacher.shares(image)[..., 1:].argmax(-1).astype(np.uint8)
    return np.where(person, likeliest, np.uint8(0))


def examples(o: Options) -> list[Example]:
    found = [example for name in o.sets.split(",") for example in people(o.data, name, "train")]
    found += labelled_photos(o.extra) if o.extra else []
    if not found:
        raise InputError(f"{o.data} holds no photos of {o.sets} to label")
    return found


def work(o: Options) -> None:
    todo = [(example, parts_path(o.out, example)) for example in examples(o)]
    teacher = SelfieMulticlass(o.teacher, o.threads)
    todo = [(example, path) for example, path in todo if not path.exists()]
    for example, path in todo:
        image = read_rgb(example.image)
        person = read_grey(example.mask or example.alpha, image.shape[:2]) > 127
        write_picture(path, label(image, person, teacher))
    print(f"{len(todo)} photos labelled in {o.out}")


def main() -> None:
    options.run(work, Options, __doc__)


if __name__ == "__main__":
    main()
