"""Checks of numpy arrays whose addresses go to native code. The messages say what was wanted and what came."""

from __future__ import annotations

import itertools

import numpy as np


def check_array(name, array, dtype, shape, *, written: bool = False, contiguous: bool = False) -> None:
    """Raises TypeError for a wrong dtype, ValueError for a wrong shape, layout or a read-only output."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        raise TypeError(f"{name} must be a numpy array of {np.dtype(dtype).name}, got {describe(array)}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {array.shape}")
    if contiguous and not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous, got strides {array.strides}")
    if array.size and not _rows_packed(array):
        raise ValueError(f"{name} must have packed pixels and aligned rows, got strides {array.strides}")
    if written and array.size and not (array.flags.writeable and _rows_apart(array)):
        raise ValueError(f"{name} cannot be written to: it is read-only or its rows overlap")


def _rows_packed(array: np.ndarray) -> bool:
    return array.flags.aligned and (array.flags.c_contiguous or array[0].flags.c_contiguous)


def _rows_apart(array: np.ndarray) -> bool:
    return array.shape[0] < 2 or abs(array.strides[0]) >= array[0].nbytes


def check_overlap(outputs: dict[str, np.ndarray | None], inputs: dict[str, np.ndarray | None]) -> None:
    """Rows are written while others are still read, so nothing written may share memory with anything else."""
    written = [item for item in outputs.items() if item[1] is not None]
    read = [item for item in inputs.items() if item[1] is not None]
    pairs = itertools.chain(itertools.combinations(written, 2), itertools.product(written, read))
    for (first_name, first), (second_name, second) in pairs:
        if np.may_share_memory(first, second) and np.shares_memory(first, second):
            raise ValueError(f"{first_name} and {second_name} must not share memory")


def describe(value) -> str:
    """dtype and shape of an array, else the type's name."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name} {value.shape}"
    return type(value).__name__
