"""Takes the error of weights apart: what keeps mean IoU from 100 %.

    python -m training.error_budget --data DATA [--weights FOLDER] [--preset live] [--runner native] [--teacher MODEL]
        [--json budget.json]

First it says which weights these are: those that users get, or the ones in FOLDER.

Mean IoU in percent, as `training.evaluate` measures it, per set:

- validation: the figure itself
- training: the same on as many photos that were trained on; the distance to it is what more data could win
- edges right: validation, were every pixel near the true edge right (1 % of the photo's long side, at least 2 pixels)
- rest right: validation, were every other pixel right: what stays is the error of the edge
- grid: the true mask, reduced to T-Net's output size and enlarged again: what T-Net could reach without M-Net
- label: the photo's own soft alpha, cut at one half, against its hard mask: how far two labels of one photo agree
- other label: validation, measured against that soft alpha cut at one half instead of the hard mask
- larger: validation with T-Net's input a quarter larger on each side
- mirrored: validation with the mean of the alphas of the photo and of its mirror image
- MAD: no mean IoU, but the mean of |alpha - soft alpha| x 1e-3

With a teacher (`training.teacher`), which was trained on other photos:

- teacher, teacher MAD: its own figures
- disputed: percent of the photos whose label both contradict, that is they agree better with each other, by 3 points of
  mean IoU or more, than either does with the label
- undisputed, teacher undisputed: the two figures without these photos
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shm_stream import Matting
from shm_stream.measures import mean_absolute_difference, mean_iou
from shm_stream.preset import get_preset
from shm_stream.prior import tnet_shape
from shm_stream.runners import Runner

from . import measured, options
from .layout import SETS, Example, held_out, people, read_grey, read_rgb
from .teacher import SelfieMulticlass

EDGE = 0.01
"""Of the long side: pixels nearer to the true edge count as the edge."""
TNET_STRIDE = 2
"""T-Net's output has half the size of its input."""
LARGER = 1.25
DISPUTE = 3.0
"""Points of mean IoU."""


@dataclass
class Options:
    data: Path
    preset: str = "live"
    runner: str = ""
    """Empty: the usual one, as users get it."""
    weights: Path | None = None
    """A folder that `export` wrote; without one the weights that users get."""
    teacher: Path | None = None
    """Model file of a second opinion."""
    json: Path | None = None


def near_edge(person: np.ndarray) -> np.ndarray:
    """[H, W] bool mask → [H, W] bool: within `EDGE` of the long side of where it changes."""
    reach = max(2, round(EDGE * max(person.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    mask = person.astype(np.uint8)
    return cv2.dilate(mask, kernel) != cv2.erode(mask, kernel)


def through_the_grid(person: np.ndarray, tnet_size: int) -> np.ndarray:
    """[H, W] bool → [H, W] float32: the mask as T-Net's output grid can hold it."""
    height, width = (side // TNET_STRIDE for side in tnet_shape(*person.shape, tnet_size))
    small = cv2.resize(person.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, person.shape[::-1], interpolation=cv2.INTER_LINEAR)


def against_teacher(alpha: np.ndarray, taught: np.ndarray, person: np.ndarray) -> dict[str, float]:
    """Figures of a photo by two opinions, each [H, W] float32, and its hard mask [H, W] bool."""
    pairs = ((alpha, person), (taught, person), (alpha, taught >= 0.5))
    ours, theirs, each_other = (100 * mean_iou(*pair) for pair in pairs)
    disputed = each_other >= max(ours, theirs) + DISPUTE
    figures = {"teacher": theirs, "disputed": 100.0 * disputed}
    return figures if disputed else figures | {"undisputed": ours, "teacher undisputed": theirs}


class Budget:
    """The networks at their own size and larger, and a teacher, if there is one."""

    def __init__(self, preset: str, runner: Runner, teacher: Callable[[np.ndarray], np.ndarray] | None = None):
        self.tnet_size = get_preset(preset).tnet_size
        self.matting = Matting(preset, runner=runner)
        self.teacher = teacher
        self.larger = Matting(preset, runner=runner, tnet_size=round(LARGER * self.tnet_size))

    def validation(self, example: Example) -> dict[str, float]:
        image, person = read(example)
        alpha = self.matting.still(image)
        edge = near_edge(person)
        mirrored = self.matting.still(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
        alphas = {
            "validation": alpha,
            "edges right": np.where(edge, person, alpha),
            "rest right": np.where(edge, alpha, person),
            "grid": through_the_grid(person, self.tnet_size),
            "larger": self.larger.still(image),
            "mirrored": (alpha + mirrored) / 2,
        }
        figures = {name: 100 * mean_iou(found.astype(np.float32), person) for name, found in alphas.items()}
        if example.alpha:
            soft = read_grey(example.alpha, person.shape) / np.float32(255)
            figures |= {"label": 100 * mean_iou(soft, person), "other label": 100 * mean_iou(alpha, soft >= 0.5)}
            figures["MAD"] = 1000 * mean_absolute_difference(alpha, soft)
        if self.teacher:
            taught = self.teacher(image)
            figures |= against_teacher(alpha, taught, person)
            if example.alpha:
                figures["teacher MAD"] = 1000 * mean_absolute_difference(taught, soft)
        return figures

    def training(self, example: Example) -> dict[str, float]:
        image, person = read(example)
        return {"training": 100 * mean_iou(self.matting.still(image), person)}


def read(example: Example) -> tuple[np.ndarray, np.ndarray]:
    """(photo [H, W, 3] uint8, hard mask [H, W] bool)."""
    image = read_rgb(example.image)
    return image, read_grey(example.mask, image.shape[:2]) > 127


def spread(items: list, count: int) -> list:
    """`count` of them at most, evenly over the whole list."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def measure(budget: Budget, data: Path, name: str) -> Iterator[dict[str, float]]:
    """The figures of each photo of a set that has a hard mask."""
    held_out, trained_on = (
        [example for example in people(data, name, split) if example.mask] for split in ("validation", "train")
    )
    for example in held_out:
        yield budget.validation(example)
    for example in spread(trained_on, len(held_out)):
        yield budget.training(example)


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over the rows that have it."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: round(float(np.mean([row[key] for row in rows if key in row])), 2) for key in keys}


def take_apart(o: Options) -> None:
    runner = measured.load(o.preset, o.runner, o.weights)
    for name in SETS:
        held_out(o.data, name)  # what is missing is said before anything is measured
    teacher = SelfieMulticlass(o.teacher) if o.teacher else None
    budget = Budget(o.preset, runner, teacher)
    result = {}
    for name in SETS:
        result[name] = means(list(measure(budget, o.data, name)))
        print(f"{name:16}" + "  ".join(f"{key} {value:.2f}" for key, value in result[name].items()), flush=True)
    if o.json:
        o.json.write_text(json.dumps(result, indent=2) + "\n")


def main() -> None:
    options.run(take_apart, Options, __doc__)


if __name__ == "__main__":
    main()
