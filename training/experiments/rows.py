"""Measures methods on the test set; what is finished is kept and not done again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from shm_stream.measures import compare

from . import trainings
from .cases import Case, cases
from .methods import METHODS, Matte
from .settings import Experiment, read_json, write_json

MEASURES = ("sad", "mse", "grad", "conn")
"""Over the whole picture and divided by its pixels: SAD and MSE x 1e3, gradient and connectivity error x 1e5."""


@dataclass(frozen=True)
class Row:
    """A method's results."""

    images: list[dict[str, float]]
    """`MEASURES` of every test picture."""
    seconds: float
    """For the alpha of one picture: the median, without the first call, which sets networks and solvers up."""

    @property
    def means(self) -> dict[str, float]:
        return {name: float(self.column(name).mean()) for name in MEASURES}

    def column(self, measure: str) -> np.ndarray:
        """[pictures] float64."""
        return np.array([errors[measure] for errors in self.images])


def run_all(e: Experiment) -> dict[str, Row]:
    """Trains and measures what is missing, and gives back all rows by method."""
    torch.set_num_threads(e.options.threads)
    trainings.prepare(e)
    test_set = lru_cache(lambda: cases(e))  # only made when something is left to measure
    for name, method in METHODS.items():
        if e.row(name).exists():
            continue
        if method.training:
            trainings.ensure(e, method.training)
        row = measure(method.make(e), test_set())
        write_json(e.row(name), {"seconds": row.seconds, "images": row.images})
        figures = " ".join(f"{key} {value:.2f}" for key, value in row.means.items())
        print(f"measured {name}: {figures}, {row.seconds:.2f} s a picture", flush=True)
    return {name: Row(**read_json(e.row(name))) for name in METHODS}


def measure(matte: Matte, test_set: list[Case]) -> Row:
    matte(test_set[0])
    errors, seconds = [], []
    for case in test_set:
        start = time.perf_counter()
        alpha = matte(case)
        seconds.append(time.perf_counter() - start)
        errors.append(compare(alpha, case.truth).paper)
    return Row(errors, float(np.median(seconds)))
