"""One person of several: the region of alpha that was chosen first, followed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

CHOICES = ("all", "largest", "center")
SIDE = 160
"""Rows or columns, whichever are fewer, of the copy in which regions are found."""
PRESENT = 0.1
"""Alpha from which a cell belongs to somebody."""
SPECK = 0.1
"""Regions below this share of the largest are nobody when a person is chosen."""
SOMEBODY = 0.3
"""Regions of at least this share of the chosen one are people of their own when they come to touch it."""
PATIENCE = 12
"""Frames for which a person who is gone is waited for before another is chosen."""


@dataclass(frozen=True, eq=False)
class PersonState:
    """Who was followed up to a frame."""

    chosen: np.ndarray | None = None
    """[h, w] bool; None: nobody yet"""
    others: np.ndarray | None = None
    """[h, w] bool, people in the same frame"""
    absent: int = 0
    """For how many frames the chosen one has been gone."""

    def same(self, other: PersonState) -> bool:
        """Whether the next frame will be treated alike."""
        ours, theirs = (self.chosen, self.others), (other.chosen, other.others)
        return self.absent == other.absent and all(map(np.array_equal, ours, theirs))


class PersonChoice:
    """Keeps one region of alpha and leaves the others out. Frames come in order; state goes from frame to frame.

    Alpha is looked at in a copy of about SIDE cells. Cells of at least PRESENT that touch, or lie one or two apart, are
    one region. After the first frame the region that overlaps the previous one most is kept, whatever is largest or
    nearest to the middle by then. Where others come to touch it, the border lies midway between what both were before.
    """

    def __init__(self, choice: str):
        """`choice`: `largest` or `center`, the region that is nearest to the middle."""
        self._choice = choice
        self.state = PersonState()
        """Replaced with every frame, never changed."""

    def reset(self) -> None:
        """The next frame begins a scene: choose anew."""
        self.state = PersonState()

    def __call__(self, alpha: np.ndarray) -> np.ndarray:
        """[H, W] float32 in 0..1 → a new array, 0 outside the chosen person's region."""
        small = cv2.resize(alpha, _small_size(*alpha.shape), interpolation=cv2.INTER_AREA)
        labels = find_regions(small)
        label = self._label(labels, small)
        if label is None:
            return np.zeros_like(alpha)
        mine = self._without_others(labels == label)
        weight = cv2.resize(_weight(mine, (labels > 0) & ~mine), alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
        self.state = PersonState(mine, _somebody((labels > 0) & ~mine, mine))
        return np.multiply(alpha, weight, out=weight)

    def _without_others(self, region: np.ndarray) -> np.ndarray:
        """[h, w] bool: the cells of a region that are nearer to the person than to those who stood apart before."""
        others = self.state.others
        if others is None or others.shape != region.shape or not (region & others).any():
            return region
        return region & (_distance_to(self.state.chosen) <= _distance_to(others))

    def _label(self, labels: np.ndarray, small: np.ndarray) -> int | None:
        """Of the region to keep; None when there is none, or the person is waited for."""
        chosen = self.state.chosen
        if chosen is not None and chosen.shape == labels.shape:
            overlap = np.bincount(labels[chosen], minlength=2)[1:]
            if overlap.any():
                return 1 + int(overlap.argmax())
            self.state = replace(self.state, absent=self.state.absent + 1)
            if self.state.absent <= PATIENCE:
                return None
        self.reset()
        return self._choose(labels, small)

    def _choose(self, labels: np.ndarray, small: np.ndarray) -> int | None:
        areas = np.bincount(labels.ravel(), weights=small.ravel())[1:]
        if not areas.size:
            return None
        if self._choice == "largest":
            return 1 + int(areas.argmax())
        distances = [_from_middle(labels == 1 + index) for index in range(areas.size)]
        likely = areas >= SPECK * areas.max()
        return 1 + min(np.flatnonzero(likely).tolist(), key=lambda index: (distances[index], -areas[index]))


def find_regions(small: np.ndarray) -> np.ndarray:
    """Alpha [h, w] float32 → [h, w] int32: the number of each cell's region, from 1; 0 for nobody."""
    present = np.uint8(small >= PRESENT)
    joined = cv2.morphologyEx(present, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return cv2.connectedComponents(joined, connectivity=8)[1]


def _weight(mine: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[h, w] bool each → [h, w] float32: soft edges reach beyond the cells that count as somebody's."""
    return np.float32((cv2.dilate(np.uint8(mine), np.ones((5, 5), np.uint8)) > 0) & ~others)


def _somebody(others: np.ndarray, mine: np.ndarray) -> np.ndarray:
    """[h, w] bool: without the parts that are too small for a person, such as a hand of the chosen one."""
    labels = cv2.connectedComponents(np.uint8(others), connectivity=8)[1]
    large = np.bincount(labels.ravel()) >= SOMEBODY * mine.sum()
    return others & large[labels]


def _distance_to(region: np.ndarray) -> np.ndarray:
    """[h, w] bool → [h, w] float32, in cells."""
    return cv2.distanceTransform(np.uint8(~region), cv2.DIST_L2, 3)


def _small_size(height: int, width: int) -> tuple[int, int]:
    """(columns, rows) of the copy for a frame of `height` x `width`."""
    shrink = max(1.0, min(height, width) / SIDE)
    return max(1, round(width / shrink)), max(1, round(height / shrink))


def _from_middle(region: np.ndarray) -> float:
    """[h, w] bool → distance of the nearest cell to the middle, in cells."""
    rows, columns = np.nonzero(region)
    middle = (region.shape[0] - 1) / 2, (region.shape[1] - 1) / 2
    return float(np.hypot(rows - middle[0], columns - middle[1]).min())
