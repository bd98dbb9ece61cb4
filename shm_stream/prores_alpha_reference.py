"""The alpha of ProRes 4444 in NumPy: the reference of `csrc/prores_alpha.cpp`, and what runs without native code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 16
"""Side of a macroblock; a slice is one macroblock high."""
BEFORE_FIRST = 0xFFFF
SMALL_DIFFERENCE, SHORT_RUN = 64, 15
"""The largest ones that have a short code."""


def code_slices(alpha: np.ndarray, slice_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """What `prores_alpha.code_alpha` returns."""
    coded = [code_slice(pixels) for pixels in _slices(alpha, slice_blocks)]
    return np.concatenate(coded), np.array([part.size for part in coded], np.uint16)


def slice_blocks_of(width: int, slice_blocks: int) -> list[int]:
    """Macroblocks of each slice across a picture: as many as asked for, what is left halved until it fits."""
    left, result = -(-width // BLOCK), []
    while left:
        while slice_blocks > left:
            slice_blocks //= 2
        result.append(slice_blocks)
        left -= slice_blocks
    return result


def _slices(alpha: np.ndarray, slice_blocks: int) -> Iterator[np.ndarray]:
    """The pixels of each slice, row after row; beyond the picture its last row and column are repeated."""
    padding = [(0, -side % BLOCK) for side in alpha.shape]
    padded = np.pad(alpha, padding, mode="edge")
    edges = np.cumsum(slice_blocks_of(alpha.shape[1], slice_blocks))[:-1] * BLOCK
    for top in range(0, len(padded), BLOCK):
        for part in np.split(padded[top : top + BLOCK], edges, axis=1):
            yield part.ravel()


def code_slice(pixels: np.ndarray) -> np.ndarray:
    """[pixels] uint16 → [bytes] uint8, the last one filled with zeros."""
    begins = np.flatnonzero(np.diff(pixels.astype(np.int32), prepend=-1))
    values = pixels[begins].astype(np.int32)
    differences = np.diff(values, prepend=BEFORE_FIRST).astype(np.int16).astype(np.int32)  # modulo 2^16
    runs = np.diff(begins, append=pixels.size) - 1
    codes, lengths = np.stack([_difference_codes(differences), _run_codes(runs)], axis=-1).reshape(2, -1)
    return _packed(codes, lengths)


def _difference_codes(differences: np.ndarray) -> np.ndarray:
    """[2, N]: 0, magnitude less one in 6 bits, sign; or 1 and 16 bits, also for the 0 that only a first pixel has."""
    sizes = np.abs(differences)
    small = (sizes > 0) & (sizes <= SMALL_DIFFERENCE)
    codes = np.where(small, (sizes - 1) << 1 | (differences < 0), 1 << 16 | differences & 0xFFFF)
    return np.stack([codes, np.where(small, 8, 17)])


def _run_codes(runs: np.ndarray) -> np.ndarray:
    """[2, N]: 1 for no repetition; 0 and their number in 4 bits, or in 15 bits of which the first 4 are then 0."""
    lengths = np.where(runs > SHORT_RUN, 16, 5)
    return np.stack([np.where(runs, runs, 1), np.where(runs, lengths, 1)])


def _packed(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Codes of so many bits one after the other, highest bits first."""
    ends = np.cumsum(lengths)
    below = np.repeat(ends, lengths) - np.arange(ends[-1]) - 1  # how many bits of its code follow each bit
    return np.packbits((np.repeat(codes, lengths) >> below & 1).astype(np.uint8))
