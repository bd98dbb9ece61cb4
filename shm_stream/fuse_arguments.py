"""Checks of what goes to the kernels, and how it is handed over: addresses, strides, steps."""

from __future__ import annotations

import functools

import numpy as np

from .array_checks import check_array, check_overlap, describe
from .colour import ColourTags
from .yuv_planes import YuvPlanes, same_numbers, site_count, unit_matrix

MAX_SIDE = 32767
"""Largest height or width: the sampling positions are exact in 32-bit integers up to here."""
Picture = np.ndarray | YuvPlanes
ABSENT = (0, 0)


def check_alpha_raw(alpha_raw: np.ndarray) -> tuple[int, int]:
    """(H, W). Raises TypeError or ValueError."""
    if not isinstance(alpha_raw, np.ndarray) or alpha_raw.ndim != 2:
        raise ValueError(f"alpha_raw must be [H, W], got {describe(alpha_raw)}")
    check_array("alpha_raw", alpha_raw, np.float32, alpha_raw.shape)
    return alpha_raw.shape


def check_logits(logits: np.ndarray, size: tuple[int, int]) -> None:
    """`size`: of the picture the logits are spread over."""
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.shape[0] != 3 or 0 in logits.shape:
        raise ValueError(f"logits must be [3, h, w] with at least one pixel, got {describe(logits)}")
    check_array("logits", logits, np.float32, logits.shape, contiguous=True)
    for shape in (logits.shape[1:], size):
        if max(shape) > MAX_SIDE:
            raise ValueError(f"pictures may be at most {MAX_SIDE} pixels a side, got {shape}")


def check_picture(name: str, picture: Picture, size: tuple[int, int], *, written: bool = False) -> None:
    """[H, W, 3] uint8 RGB or YuvPlanes of `size`; planes that are written must be apart."""
    if not isinstance(picture, YuvPlanes):
        check_array(name, picture, np.uint8, (*size, 3), written=written)
        return
    if written and picture.interleaved:
        raise ValueError(f"{name} must have U and V in planes of their own (YUV420P)")
    sites = (site_count(size[0]), site_count(size[1]))
    shape = (*sites, 2) if picture.interleaved else sites
    check_array(f"{name}.y", picture.y, np.uint8, size, written=written)
    for part, array in enumerate(picture.chroma):
        check_array(f"{name}.chroma[{part}]", array, np.uint8, shape, written=written)


def check_composite(frame: Picture, background: Picture, composite: Picture, size: tuple[int, int]) -> None:
    """Three pictures of one kind, and of one matrix and range if they are planes."""
    pictures = {"frame": frame, "background": background, "composite": composite}
    if frame is None or background is None:
        raise ValueError("composite needs frame and background")
    for name, picture in pictures.items():
        check_picture(name, picture, size, written=picture is composite)
    kinds = {isinstance(picture, YuvPlanes) for picture in pictures.values()}
    if len(kinds) > 1:
        raise ValueError("frame, background and composite must be all RGB or all YuvPlanes")
    if kinds == {True} and not all(same_numbers(frame.tags, other.tags) for other in (background, composite)):
        raise ValueError("frame, background and composite must have one colour matrix and range")


def check_alphas(outputs: dict[str, np.ndarray | None], size: tuple[int, int]) -> None:
    """alpha [H, W] float32 and alpha8 [H, W] uint8, where they are wanted."""
    for name, dtype in (("alpha", np.float32), ("alpha8", np.uint8)):
        if outputs[name] is not None:
            check_array(name, outputs[name], dtype, size, written=True)


def check_apart(outputs: dict[str, Picture | None], inputs: dict[str, Picture | None]) -> None:
    """Raises ValueError where something written shares memory with anything else."""
    check_overlap(_arrays(outputs), _arrays(inputs))


def _arrays(pictures: dict[str, Picture | None]) -> dict[str, np.ndarray | None]:
    """The arrays of each picture, with names of their own."""
    result = {}
    for name, picture in pictures.items():
        if isinstance(picture, YuvPlanes):
            result[f"{name}.y"] = picture.y
            result.update({f"{name}.chroma[{part}]": array for part, array in enumerate(picture.chroma)})
        else:
            result[name] = picture
    return result


def pointer(array: np.ndarray | None) -> tuple[int, int]:
    """(address, bytes between rows); ABSENT for None."""
    return ABSENT if array is None else (array.ctypes.data, array.strides[0])


def picture_pointers(picture: Picture | None) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]:
    """(RGB or Y, U, V, bytes between chroma samples)."""
    if not isinstance(picture, YuvPlanes):
        return pointer(picture), ABSENT, ABSENT, 0
    return pointer(picture.y), pointer(picture.u), pointer(picture.v), 2 if picture.interleaved else 1


@functools.lru_cache(maxsize=16)
def matrix_numbers(tags: ColourTags | None) -> tuple[float, ...]:
    """The 12 numbers that turn YUV into RGB, row by row; zeros for RGB frames, which have no tags."""
    return (0.0,) * 12 if tags is None else tuple(unit_matrix(tags).ravel().tolist())
