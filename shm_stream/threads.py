"""How many threads each part of a job gets, from the cores that it may use.

Stages work side by side on consecutive frames: with all cores for each of them they would only wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError
from .machine import cores

SLICES = 2
"""Most threads of a decoder, for the slices of a picture: they add no delay and end cleanly when a run stops early.
With threads for frames, damaged H.264 gives other pictures from run to run, and another number of them."""
CORES_FOR_A_KERNEL = 8
"""One thread of fusion for so many cores: it takes a fraction of the time of T-Net."""


@dataclass(frozen=True)
class Threads:
    decoder: int
    network: int
    """T-Net and M-Net, each."""
    kernels: int
    """Fusion and gathering, each."""
    encoder: int


def share_out(count: int, device: str = "cpu") -> Threads:
    """Threads of a job on `count` cores whose networks run on `device`."""
    half = max(1, count // 2)
    encoder = half if device == "cpu" else count  # cores that no network uses
    return Threads(min(SLICES, count), half, max(1, count // CORES_FOR_A_KERNEL), encoder)


def usable_cores(most: int | None = None) -> int:
    """Cores of this process, at most `most` of them. Raises InputError for a number below 1."""
    if most is not None and most < 1:
        raise InputError(f"{most} cores are too few: give 1 or more, or leave --cores out for all of them")
    return cores() if most is None else min(most, cores())
