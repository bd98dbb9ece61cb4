"""Labelled photos whose matte a test draws itself, and the runner that finds it."""

from __future__ import annotations

import cv2
import numpy as np
from stand_ins import StandInRunner


class RedRunner(StandInRunner):
    """Alpha is the red channel, so that a test can draw what the networks "find"."""

    def mnet(self, x):
        return x[0, self.halo : -self.halo, self.halo : -self.halo].copy()


def write_red(folder, name, alpha, truth=None, person=None):
    """A photo in which RedRunner finds `alpha` ([H, W] uint8), with labels ([H, W] uint8)."""
    picture = np.dstack([np.full_like(alpha, 90), np.full_like(alpha, 40), alpha])  # BGR
    cv2.imwrite(str(folder / f"{name}.png"), picture)
    for ending, label in (("alpha", truth), ("mask", person)):
        if label is not None:
            cv2.imwrite(str(folder / f"{name}.{ending}.png"), label)


def block(level: int, columns: int = 24) -> np.ndarray:
    """[40, 48] uint8: `level` in the first columns, 0 in the others."""
    alpha = np.zeros((40, 48), np.uint8)
    alpha[:, :columns] = level
    return alpha


def the_error(err: str) -> str:
    """The one line that an error is."""
    assert err.count("\n") == 1 and err.startswith("shm-stream: error: "), err
    return err[len("shm-stream: error: ") :].strip()
