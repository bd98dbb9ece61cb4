"""Samples as a function of (seed, step, place in the batch): who resumes at a step sees what would have come.

Places are numbered over all processes: process r of a batch of B draws the places r·B to r·B + B - 1. So neither the
number of processes nor that of loader workers changes what a step sees.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from . import distributed


def to_tensor(picture: np.ndarray) -> torch.Tensor:
    """[H, W, 3] uint8 → [3, H, W] float32 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


class Samples(Dataset):
    """`samples[step, place]`; a subclass says in `sample(rng)` what to draw."""

    def __init__(self, size: int, seed: int):
        self.size, self.seed = size, seed

    def __getitem__(self, at: tuple[int, int]):
        return self.sample(np.random.default_rng((self.seed, *at)))

    def sample(self, rng: np.random.Generator):
        raise NotImplementedError


class Places:
    """The batches of this process: for every step from `first` to `last` - 1 its (step, place) pairs."""

    def __init__(self, first: int, last: int, batch: int):
        self.first, self.last, self.batch = first, last, batch

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        start = distributed.rank() * self.batch
        for step in range(self.first, self.last):
            yield [(step, start + place) for place in range(self.batch)]


def batches(samples: Samples, places: Places, workers: int, collate=None, pin: bool = False) -> Iterator:
    """Loads them in order, in `workers` processes (0: in this one).

    Workers are the parallelism, OpenCV's own threads would get into their way. They are ended before the workers are
    forked off: a child that inherits them waits for ever when it uses or ends them.
    """
    cv2.setNumThreads(1)
    return iter(
        DataLoader(
            samples,
            batch_sampler=places,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=pin,
        )
    )
