"""Which YUV the pictures are: matrix, range, and the tags that say so.

Numbers are those of ITU-T H.273 (and FFmpeg): matrix 1 BT.709, 5 and 6 BT.601, 9 BT.2020; range 1 limited, 2 full;
2 in matrix, primaries or transfer means "not stated".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError

RGB, BT709, UNSPECIFIED, FCC, BT470BG, BT601, SMPTE240M, BT2020 = 0, 1, 2, 4, 5, 6, 7, 9
LIMITED, FULL = 1, 2

LUMA_WEIGHTS = {  # matrix → (Kr, Kb), H.273 table 4
    BT709: (0.2126, 0.0722),
    FCC: (0.30, 0.11),
    BT470BG: (0.299, 0.114),
    BT601: (0.299, 0.114),
    SMPTE240M: (0.212, 0.087),
    BT2020: (0.2627, 0.0593),
}
SWSCALE_MATRIX = {BT709: 1, FCC: 4, BT470BG: 5, BT601: 5, SMPTE240M: 7, BT2020: 9}
"""The same matrices in libswscale's numbering."""


@dataclass(frozen=True)
class ColourTags:
    """What an output is tagged with. `matrix` and `range` are always definite: they are what conversion used."""

    matrix: int = BT709
    range: int = LIMITED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


def default_matrix(height: int) -> int:
    """The customary guess for pictures that do not say: BT.709 from 720 lines up, BT.601 below."""
    return BT709 if height >= 720 else BT601


def resolve_tags(matrix: int, colour_range: int, primaries: int, transfer: int, *, height: int, pix_fmt: str):
    """Tags as read from a file → definite ColourTags. `height` is the coded one.

    Raises InputError for a matrix that is not a plain luma/chroma one (ICtCp, YCgCo, constant luminance).
    """
    if matrix in (RGB, UNSPECIFIED):
        matrix = default_matrix(height)
    if matrix not in LUMA_WEIGHTS:
        raise InputError(f"colour matrix {matrix} (H.273) is not supported; convert the input to BT.709 first")
    if colour_range not in (LIMITED, FULL):
        colour_range = FULL if pix_fmt.startswith("yuvj") else LIMITED
    return ColourTags(matrix, colour_range, primaries, transfer)


def yuv_from_rgb(tags: ColourTags) -> np.ndarray:
    """[3, 4] float64: 8-bit (R, G, B, 1) → 8-bit (Y, Cb, Cr), H.273 equations 25 to 38."""
    luma_scale, chroma_scale, black = (1, 1, 0) if tags.range == FULL else (219 / 255, 224 / 255, 16)
    luma, blue, red = _unit_rows(tags.matrix)
    rows = np.stack([luma * luma_scale, blue * chroma_scale, red * chroma_scale])
    return np.column_stack([rows, [black, 128, 128]])


def codes_from_rgb(tags: ColourTags, bits: int) -> np.ndarray:
    """[3, 4] float64: (R, G, B, 1) in 0..1 → code values (Y, Cb, Cr) of `bits` bits, by the same equations."""
    unit = 1 << (bits - 8)
    highest = (1 << bits) - 1
    luma_scale, chroma_scale, black = (highest, highest, 0) if tags.range == FULL else np.array([219, 224, 16]) * unit
    luma, blue, red = _unit_rows(tags.matrix)
    rows = np.stack([luma * luma_scale, blue * chroma_scale, red * chroma_scale])
    return np.column_stack([rows, [black, 128 * unit, 128 * unit]])


def _unit_rows(matrix: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[3] each: R, G, B in 0..1 → Y in 0..1, Cb and Cr in -0.5..0.5."""
    kr, kb = LUMA_WEIGHTS[matrix]
    luma = np.array([kr, 1 - kr - kb, kb])
    blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - kb))
    red = (np.array([1, 0, 0]) - luma) / (2 * (1 - kr))
    return luma, blue, red


def rgb_from_yuv(tags: ColourTags) -> np.ndarray:
    """[3, 4] float64: the inverse of `yuv_from_rgb`."""
    forward = yuv_from_rgb(tags)
    inverse = np.linalg.inv(forward[:, :3])
    return np.column_stack([inverse, -inverse @ forward[:, 3]])
