"""Measures mattes of a video, frame by frame: the work of `shm-stream eval --video`.

One frame and its predecessor are held; figures are summed up as they come, so memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import tee

import cv2
import numpy as np

from .errors import InputError
from .evaluate import Figure
from .frame import Frame
from .matting_api import Matting, VideoMatting
from .measures import compare, mean_iou
from .measures_video import dtssd, flicker, flow_to_previous
from .prior import is_cut
from .reduce import reduce_picture
from .source import Source

TRUTH_FIGURES = (
    Figure("paper_sad", "SAD", "x1e3", "mean over frames of the sum of |alpha - truth| per pixel x 1e3", 2, "paper"),
    Figure("paper_mse", "MSE", "x1e3", "mean over frames of the sum of (alpha - truth)² per pixel x 1e3", 2, "paper"),
    Figure("paper_grad", "Grad", "x1e5", "mean over frames of the gradient error per pixel x 1e5", 1, "paper"),
    Figure("paper_conn", "Conn", "x1e5", "mean over frames of the connectivity error per pixel x 1e5", 1, "paper"),
    Figure("mad", "MAD", "x1e3", "mean over frames of the mean of |alpha - truth| x 1e3", 2, "RVM"),
    Figure("mse", "MSE", "x1e3", "mean over frames of the mean of (alpha - truth)² x 1e3", 2, "RVM"),
    Figure("grad", "Grad", "/1000", "mean over frames of the gradient error / 1000", 3, "RVM"),
    Figure("conn", "Conn", "/1000", "mean over frames of the connectivity error / 1000", 3, "RVM"),
    Figure("dtssd", "dtSSD", "x1e2", "mean over pairs of frames x 1e2", 3, "RVM"),
    Figure("mean_iou_percent", "mIoU", "%", "mean IoU in percent, mean over frames whose truth reaches 0.5", 2),
    Figure("frames", "frames", "", "how many were compared", 0),
)
FLICKER_FIGURES = (
    Figure("flicker_with_prior", "with prior", "x1e3", "flicker of the matte as users get it x 1e3", 3),
    Figure("flicker_without_prior", "without", "x1e3", "flicker when every frame is matted like a still x 1e3", 3),
    Figure("ratio", "ratio", "", "with prior / without", 3),
    Figure("frames", "frames", "", "how many the clip has", 0),
    Figure("cuts", "cuts", "", "scene cuts, where no flicker is measured", 0),
)
CUT_SIZE = (144, 256)
"""Frames are reduced to this height and width before they are asked for a cut, as T-Net's own input is."""


@dataclass(frozen=True)
class VideoResult:
    """What was measured, by `Figure.key`; None where the clip is too short to say."""

    figures: dict[str, float | None]
    warning: str | None
    """What part of the clip could not be read, or None."""


class Mean:
    """A mean that remembers no values."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        self._sum, self._count = self._sum + value, self._count + 1

    @property
    def value(self) -> float | None:
        """None before the first value."""
        return self._sum / self._count if self._count else None


def measure_against_truth(
    matting: Matting, source: Source, truths: Source, on_frame: Callable[[int], None], **steadiness
) -> VideoResult:
    """TRUTH_FIGURES of the matte of `source`; `truths` gives the true alpha as the luma of its frames.

    `steadiness`: options of `Matting.video`. Raises InputError when source and truths differ in number or size.
    """
    count = check_pair(source, truths)
    video, sums, previous = matting.video(**steadiness), {figure.key: Mean() for figure in TRUTH_FIGURES[:-1]}, None
    for frame, alpha, other in zip(*with_alphas(source, [video]), truths):
        truth = true_alpha(frame, other)
        for key, value in compare_frame(alpha, truth).items():
            sums[key].add(value)
        # a first frame of another size has no dtSSD with the next; folders may hold such
        if previous is not None and previous[0].shape == alpha.shape:
            sums["dtssd"].add(1e2 * dtssd(alpha, previous[0], truth, previous[1]))
        previous = (alpha, truth)
        on_frame(frame.index + 1)
    return VideoResult({key: mean.value for key, mean in sums.items()} | {"frames": count}, source.warning)


def compare_frame(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What TRUTH_FIGURES say of one frame. IoU says nothing where nobody is, so such frames have none."""
    errors, person = compare(alpha, truth), truth >= 0.5
    figures = {f"paper_{name}": value for name, value in errors.paper.items()} | errors.rvm
    return figures | ({"mean_iou_percent": 100 * mean_iou(alpha, person)} if person.any() else {})


def with_alphas(source: Source, videos: list[VideoMatting]) -> list[Iterator]:
    """The frames of `source`, then the alphas that each of `videos` gives them; to be read in step."""
    frames, *copies = tee(source, 1 + len(videos))
    return [frames, *(video.alphas(frame.picture for frame in copy) for video, copy in zip(videos, copies))]


def check_pair(source: Source, truths: Source) -> int:
    """How many frames both have. They are read once for that: headers only estimate it. Raises InputError."""
    count, true_count = (sum(1 for _ in frames) for frames in (source, truths))
    if count != true_count:
        raise InputError(
            f"{source.path} has {count} frames, {truths.path} has {true_count}; they must be of the same length"
        )
    if count == 0:
        raise InputError(f"no frame of {source.path} could be read")
    return count


def true_alpha(frame: Frame, truth: Frame) -> np.ndarray:
    """[H, W] float32 in 0..1: the luma of `truth`. Raises InputError unless both have one size."""
    if truth.pixels.shape != frame.pixels.shape:
        found, wanted = (f"{p.shape[1]}x{p.shape[0]}" for p in (truth.pixels, frame.pixels))
        raise InputError(f"frame {frame.index} of the truth is {found}, that of the video is {wanted}; scale the truth")
    return np.float32(cv2.cvtColor(truth.pixels, cv2.COLOR_RGB2GRAY)) / np.float32(255)


def measure_flicker(
    matting: Matting, source: Source, on_frame: Callable[[int], None], **steadiness
) -> VideoResult:
    """FLICKER_FIGURES of `source`: how much the prior channel steadies alpha. Raises InputError for a single frame.

    `steadiness`: options of `Matting.video` that do so, too. At a scene cut the pictures have no motion in common, so
    such pairs are left out.
    """
    videos = [matting.video(**steadiness), matting.video(prior=False)]
    sums, previous, cuts, count = (Mean(), Mean()), None, 0, 0
    for frame, *alphas in zip(*with_alphas(source, videos)):
        pixels = frame.pixels
        if previous is not None and _cut_between(previous[0], pixels):
            cuts += 1
        elif previous is not None:
            flow = flow_to_previous(pixels, previous[0])
            for mean, alpha, before in zip(sums, alphas, previous[1]):
                mean.add(1e3 * flicker(alpha, before, flow))
        previous, count = (pixels, alphas), count + 1
        on_frame(count)
    return VideoResult(_flicker_figures(source, sums, count, cuts), source.warning)


def _flicker_figures(source: Source, sums: tuple[Mean, Mean], count: int, cuts: int) -> dict[str, float | None]:
    steady, plain = (mean.value for mean in sums)
    if steady is None:
        raise InputError(f"{source.path} has no two frames of one scene ({count} read); flicker needs a clip")
    figures = {"flicker_with_prior": steady, "flicker_without_prior": plain, "ratio": steady / plain if plain else None}
    return figures | {"frames": count, "cuts": cuts}


def _cut_between(previous: np.ndarray, pixels: np.ndarray) -> bool:
    return is_cut(*(reduce_picture(picture, *CUT_SIZE) for picture in (previous, pixels)))
