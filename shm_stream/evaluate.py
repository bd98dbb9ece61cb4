"""Measures mattes of labelled photos, through the pipeline that users run: the work of `shm-stream eval FOLDER`.

Only figures are kept, so memory does not grow with the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .labelled import LABEL_ENDINGS, Example, find_labels, photos, read_label, take_split
from .matting_api import Matting
from .measures import compare, mean_iou
from .source_images import read_image


@dataclass(frozen=True)
class Figure:
    """One number that is measured."""

    key: str
    title: str
    scale: str
    """The unit in a few characters."""
    unit: str
    """The unit in words."""
    decimals: int
    system: str = ""
    """Whose unit it is, where there are several."""
    needs: tuple[str, ...] = ()
    """The kinds of label that it can be measured with."""


ALPHA, MASK = ("alpha",), ("mask",)
PHOTO_FIGURES = (
    Figure("paper_sad", "SAD", "x1e3", "sum of |alpha - truth| per pixel x 1e3", 2, "paper", ALPHA),
    Figure("paper_mse", "MSE", "x1e3", "sum of (alpha - truth)² per pixel x 1e3", 2, "paper", ALPHA),
    Figure("paper_grad", "Grad", "x1e5", "gradient error per pixel x 1e5", 1, "paper", ALPHA),
    Figure("paper_conn", "Conn", "x1e5", "connectivity error per pixel x 1e5", 1, "paper", ALPHA),
    Figure("rvm_mad", "MAD", "x1e3", "mean of |alpha - truth| x 1e3", 2, "RVM", ALPHA),
    # the paper's MSE once more, so that a line compares with RVM's tables column by column
    Figure("rvm_mse", "MSE", "x1e3", "mean of (alpha - truth)² x 1e3", 2, "RVM", ALPHA),
    Figure("rvm_grad", "Grad", "/1000", "gradient error of the picture / 1000", 3, "RVM", ALPHA),
    Figure("rvm_conn", "Conn", "/1000", "connectivity error of the picture / 1000", 3, "RVM", ALPHA),
    Figure("mean_iou_percent", "mIoU", "%", "mean IoU of person and background in percent", 2, "", MASK),
    Figure("empty_mean_alpha", "empty", "x1e3", "mean alpha x 1e3 where the label holds nobody", 2, "", ALPHA + MASK),
)


@dataclass(frozen=True)
class Truth:
    """What the labels of a photo say; at least one of them is there."""

    alpha: np.ndarray | None
    """[H, W] float32, 0..1."""
    person: np.ndarray | None
    """[H, W] bool."""

    @property
    def empty(self) -> bool:
        """Nobody is in the photo."""
        return not (self.alpha if self.person is None else self.person).any()

    @property
    def picture(self) -> np.ndarray:
        """[H, W] float32: alpha, or the hard mask where there is no other."""
        return self.person.astype(np.float32) if self.alpha is None else self.alpha


@dataclass(frozen=True)
class PhotoResult:
    """The figures of one photo, by `Figure.key`; those that its labels do not allow are missing."""

    example: Example
    figures: dict[str, float]

    @property
    def name(self) -> str:
        return self.example.image.name


def find_examples(folder: Path, split: str = "all") -> tuple[list[Example], int]:
    """The labelled photos of `folder` that belong to `split`, and how many photos of it have no label.

    The split counts labelled photos only, as training does. Raises InputError if none is left.
    """
    pictures = photos(folder)
    labelled = [example for example in map(find_labels, pictures) if example is not None]
    if not labelled:
        endings = " or ".join(f"X{ending}" for ending in LABEL_ENDINGS)
        raise InputError(f"no labelled photo in {folder}: beside a photo X.jpg put {endings}")
    examples = take_split(labelled, split)
    if not examples:
        raise InputError(f"the {split} split of {folder} is empty ({len(labelled)} labelled photos); use --split all")
    return examples, len(pictures) - len(labelled)


def figures_of(examples: list[Example]) -> list[Figure]:
    """The figures that the labels of `examples` allow."""
    kinds = {kind for example in examples for kind in ("alpha", "mask") if getattr(example, kind)}
    return [figure for figure in PHOTO_FIGURES if kinds & set(figure.needs)]


def read_truth(example: Example, size: tuple[int, int]) -> Truth:
    """The labels of a photo of `size` (H, W). Raises InputError for one that is damaged or of another size."""
    alpha = None if example.alpha is None else np.float32(read_label(example.alpha, size)) / np.float32(255)
    return Truth(alpha, None if example.mask is None else read_label(example.mask, size) > 127)


def measure_photo(matting: Matting, example: Example) -> PhotoResult:
    """Matte one photo and compare. Raises InputError for a photo or label that cannot be read."""
    image = read_image(example.image)
    truth = read_truth(example, image.shape[:2])
    return PhotoResult(example, compare_labels(matting.still(image), truth))


def compare_labels(alpha: np.ndarray, truth: Truth) -> dict[str, float]:
    """Every figure that `truth` allows. Without a person IoU says nothing, so mean alpha takes its place."""
    figures = {}
    if truth.alpha is not None:
        errors = compare(alpha, truth.alpha)
        figures |= {f"paper_{name}": value for name, value in errors.paper.items()}
        figures |= {f"rvm_{name}": value for name, value in errors.rvm.items()}
    if truth.empty:
        figures["empty_mean_alpha"] = 1e3 * float(alpha.mean(dtype=np.float64))
    elif truth.person is not None:
        figures["mean_iou_percent"] = 100 * mean_iou(alpha, truth.person)
    return figures


def measure_photos(matting: Matting, examples: list[Example], problems: list[InputError]) -> Iterator[PhotoResult]:
    """Measure one after the other. What cannot be read is left out and added to `problems`."""
    for example in examples:
        try:
            result = measure_photo(matting, example)
        except InputError as error:
            problems.append(error)
            continue
        yield result


def means(results: list[PhotoResult]) -> tuple[dict[str, float], dict[str, int]]:
    """(mean of each figure, over how many photos), for the figures that some photo has."""
    values: dict[str, list[float]] = {}
    for figure in PHOTO_FIGURES:
        found = [result.figures[figure.key] for result in results if figure.key in result.figures]
        if found:
            values[figure.key] = found
    return {key: float(np.mean(found)) for key, found in values.items()}, {k: len(v) for k, v in values.items()}


def ranking(results: list[PhotoResult]) -> list[PhotoResult]:
    """Worst first: by MAD when some photo has a true alpha, by mean IoU otherwise.

    Photos without people count by their mean alpha, which is their MAD. Photos that have no comparable figure (hard
    masks in a folder of alphas) are left out.
    """
    soft = any("rvm_mad" in result.figures for result in results)
    faults = [(_fault(result.figures, soft), result) for result in results]
    ranked = [(fault, result) for fault, result in faults if fault is not None]
    return [result for _, result in sorted(ranked, key=lambda pair: -pair[0])]


def _fault(figures: dict[str, float], soft: bool) -> float | None:
    """0..1, more is worse."""
    key = "rvm_mad" if soft and "rvm_mad" in figures else "empty_mean_alpha"
    if key in figures:
        return figures[key] / 1e3
    return None if soft else 1 - figures["mean_iou_percent"] / 100
