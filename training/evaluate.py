"""Measures weights on the validation split, through the pipeline that users run.

    python -m training.evaluate --data DATA [--weights FOLDER] [--preset live] [--runner native] [--json metrics.json]

First it says which weights these are: those that users get, or the ones in FOLDER.

Whole images, prior channel empty, T-Net input as the command line resizes it.

- mean IoU: (IoU of person + IoU of background) / 2 per image at alpha >= 0.5 against the hard mask, mean over images
- MAD: mean |alpha - true alpha| x 1e-3
- T-Net alone: the same with alpha_raw = 1/2 everywhere, that is alpha = F_s + U_s/2
- backgrounds: mean alpha, and the worst image's mean alpha, on backgrounds without people
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm_stream import Matting
from shm_stream.measures import mean_absolute_difference, mean_iou

from . import measured, options
from .layout import SETS, Example, backgrounds, held_out, read_grey, read_rgb
from .without_mnet import WithoutMNet


@dataclass
class Options:
    data: Path
    preset: str = "live"
    runner: str = ""
    """Empty: the usual one, as users get it."""
    weights: Path | None = None
    """A folder that `export` wrote; without one the weights that users get."""
    tnet_size: int = 0
    json: Path | None = None


def measure(matting: Matting, example: Example) -> dict[str, float]:
    image = read_rgb(example.image)
    alpha = matting.still(image)
    figures = {}
    if example.mask:
        figures["mean_iou_percent"] = 100 * mean_iou(alpha, read_grey(example.mask, image.shape[:2]) > 127)
    if example.alpha:
        truth = read_grey(example.alpha, image.shape[:2]) / 255
        figures["mad_x1e3"] = 1000 * mean_absolute_difference(alpha, truth)
    return figures


def measure_set(matting: Matting, data: Path, name: str) -> dict[str, float]:
    rows = [measure(matting, example) for example in held_out(data, name)]
    keys = {key for row in rows for key in row}
    return {"images": len(rows)} | {k: round(float(np.mean([r[k] for r in rows if k in r])), 3) for k in sorted(keys)}


def measure_empty(matting: Matting, rooms: list[Path]) -> dict[str, float]:
    means = [float(matting.still(read_rgb(path)).mean()) for path in rooms]
    return {"images": len(means), "mean_alpha": round(float(np.mean(means)), 5), "worst_image": round(max(means), 5)}


def evaluate(o: Options) -> None:
    runner = measured.load(o.preset, o.runner, o.weights)
    rooms = backgrounds(o.data, "validation")
    for name in SETS:
        held_out(o.data, name)  # what is missing is said before anything is measured
    matting, tnet_alone = (
        Matting(o.preset, runner=r, tnet_size=o.tnet_size or None) for r in (runner, WithoutMNet(runner))
    )
    result = {f"people/{name}": measure_set(matting, o.data, name) for name in SETS}
    result["portraits_soft, T-Net alone"] = measure_set(tnet_alone, o.data, "portraits_soft")
    result["backgrounds"] = measure_empty(matting, rooms)
    for name, figures in result.items():
        print(f"{name:30}" + "  ".join(f"{key} {value}" for key, value in figures.items()))
    if o.json:
        o.json.write_text(json.dumps(result, indent=2) + "\n")


def main() -> None:
    options.run(evaluate, Options, __doc__)


if __name__ == "__main__":
    main()
