"""Hypothesis strategies for the inputs of the kernels: odd sizes, rows that lie apart, extreme numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from shm_stream.colour import ColourTags
from shm_stream.yuv_planes import YuvPlanes, site_count

LOGIT_KINDS = ("plain", "certain", "regions", "extreme", "nonfinite")


@dataclass
class Case:
    """One random input; arrays are made from the seed so that Hypothesis shrinks sizes, not pixels."""

    height: int
    width: int
    h: int
    w: int
    seed: int
    kind: str
    padding: int
    """Unused bytes (uint8) or floats between rows."""

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.logits = make_logits(self.random, self.kind, self.h, self.w)
        self.frame = self.bytes((self.height, self.width, 3))
        self.background = self.bytes((self.height, self.width, 3))
        self.alpha_raw = strided((self.height, self.width), np.float32, self.padding)
        self.alpha_raw[...] = self.random.random((self.height, self.width))
        if self.kind == "nonfinite":
            sprinkle(self.random, self.alpha_raw, [np.nan, np.inf, -np.inf, -3.0, 7.0, -0.0])

    def bytes(self, shape) -> np.ndarray:
        array = strided(shape, np.uint8, self.padding)
        array[...] = self.random.integers(0, 256, shape)
        return array

    def outputs(self) -> dict[str, np.ndarray]:
        size = (self.height, self.width)
        shapes = {"composite": ((*size, 3), np.uint8), "alpha": (size, np.float32), "alpha8": (size, np.uint8)}
        return {name: strided(shape, dtype, self.padding) for name, (shape, dtype) in shapes.items()}


@dataclass
class PlanarCase(Case):
    """The same in 4:2:0, with U and V apart or, where asked for, interleaved."""

    matrix: int = 1
    full: bool = False
    interleaved: tuple[bool, bool] = (False, False)
    """Of frame and background."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.frame, self.background = (self.planes(interleaved) for interleaved in self.interleaved)

    def planes(self, interleaved: bool) -> YuvPlanes:
        sites = site_count(self.height), site_count(self.width)
        chroma = (self.bytes((*sites, 2)),) if interleaved else (self.bytes(sites), self.bytes(sites))
        return YuvPlanes(self.bytes((self.height, self.width)), chroma, ColourTags(self.matrix, 2 if self.full else 1))

    def outputs(self) -> dict:
        sites = site_count(self.height), site_count(self.width)
        chroma = tuple(strided(sites, np.uint8, self.padding) for _ in range(2))
        luma = strided((self.height, self.width), np.uint8, self.padding)
        return super().outputs() | {"composite": YuvPlanes(luma, chroma, self.frame.tags)}


def make_logits(random, kind: str, h: int, w: int) -> np.ndarray:
    """[3, h, w] float32. "regions": each class in areas of its own, with margins about where 8 bits are certain."""
    if kind == "regions":
        classes = np.kron(random.integers(0, 3, (h // 6 + 1, w // 6 + 1)), np.ones((6, 6), int))[:h, :w]
        margins = random.normal(random.choice([7, 12]), 0.5, (h, w))
        return np.where(np.arange(3)[:, None, None] == classes, margins, 0).astype(np.float32)
    scale = {"plain": 4.0, "certain": 80.0, "extreme": 3e4, "nonfinite": 5.0}[kind]
    logits = random.normal(0, scale, (3, h, w)).astype(np.float32)
    if kind == "nonfinite":
        sprinkle(random, logits, [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40])
    return logits


def sprinkle(random, array: np.ndarray, values: list[float]) -> None:
    """Put each value at some random places."""
    chosen = random.integers(0, 3 * len(values), array.shape)
    for index, value in enumerate(values):
        array[chosen == index] = value


def strided(shape, dtype, padding: int) -> np.ndarray:
    """An array whose rows are `padding` elements apart, filled with 7."""
    row = int(np.prod(shape[1:]))
    buffer = np.full((shape[0], row + padding), 7, dtype)
    return np.lib.stride_tricks.as_strided(buffer, shape, (buffer.strides[0], *np.empty(shape, dtype).strides[1:]))


def arrays_of(picture: np.ndarray | YuvPlanes) -> list[np.ndarray]:
    return [picture.y, *picture.chroma] if isinstance(picture, YuvPlanes) else [picture]


def planar_cases(kinds=LOGIT_KINDS, smallest: int = 0) -> st.SearchStrategy[PlanarCase]:
    layouts, matrices = st.tuples(st.booleans(), st.booleans()), st.sampled_from([1, 6, 9])
    options = {"matrix": matrices, "full": st.booleans(), "interleaved": layouts}
    return st.builds(PlanarCase, *_sizes_and_kinds(kinds, smallest), **options)


def cases(kinds=LOGIT_KINDS, smallest: int = 0) -> st.SearchStrategy[Case]:
    return st.builds(Case, *_sizes_and_kinds(kinds, smallest))


def _sizes_and_kinds(kinds, smallest: int) -> list[st.SearchStrategy]:
    side, small = st.integers(smallest, 70), st.integers(1, 24)
    return [side, side, small, small, st.integers(0, 2**32 - 1), st.sampled_from(kinds), st.sampled_from([0, 1, 5])]
