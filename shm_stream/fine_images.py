"""Picture files of more than 8 bits: PNG and TIFF with 16, OpenEXR with half floats.

OpenEXR files go through the Academy Software Foundation's own package: it writes half floats under the channel names
R, G, B, A and states primaries and conventions in the header, which FFmpeg's encoder cannot. TIFF goes through
tifffile, which states whether alpha is premultiplied. Both are extras (`pip install 'shm-stream[film]'`).
"""

from __future__ import annotations

from fractions import Fraction
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np

from .convention import Convention
from .delivery import PREMULTIPLIED
from .errors import InputError
from .transfer import levels, srgb_from_linear

SUFFIXES = frozenset({".png", ".tif", ".tiff", ".exr"})
"""Extensions that hold more than 8 bits."""
BT709_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
HIGHEST_HALF = 65504.0
SQUARE = Fraction(1)
ASPECT_DENOMINATOR = 200
"""Enough for the pixels of all video formats, such as 64:45, whose float32 value is a little beside."""


def check_packages(suffix: str) -> None:
    """Raises InputError if the package that writes (and for EXR reads) this extension is missing."""
    name = {".exr": "OpenEXR", ".tif": "tifffile", ".tiff": "tifffile"}.get(suffix)
    if name is not None:
        _package(name, suffix)


def _package(name: str, suffix: str):
    try:
        return import_module(name)
    except ImportError:
        problem = f"{suffix} files of more than 8 bits need the package {name}: pip install 'shm-stream[film]'"
        raise InputError(problem) from None


def write_fine(path: Path, picture: np.ndarray, convention: Convention, pixel_aspect: Fraction = SQUARE) -> None:
    """[H, W] alpha, [H, W, 3] RGB or [H, W, 4] RGBA float32, already by `convention`, into a file of SUFFIXES.

    `pixel_aspect`: width by height of a pixel, which only EXR files can say.
    Raises OSError, or what the packages raise.
    """
    suffix = path.suffix.lower()
    if suffix == ".exr":
        _write_exr(path, picture, convention, pixel_aspect)
    elif suffix == ".png":
        _write_png(path, levels(picture, 65535).astype(np.uint16))
    else:
        _write_tiff(path, levels(picture, 65535).astype(np.uint16), convention)


def _write_png(path: Path, values: np.ndarray) -> None:
    if values.ndim == 3:
        values = cv2.cvtColor(values, cv2.COLOR_RGB2BGR if values.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    path.write_bytes(cv2.imencode(".png", values)[1].data)


def _write_tiff(path: Path, values: np.ndarray, convention: Convention) -> None:
    colour = {"photometric": "minisblack" if values.ndim == 2 else "rgb"}
    if values.ndim == 3 and values.shape[2] == 4:
        colour["extrasamples"] = ["assocalpha" if convention.alpha_mode == PREMULTIPLIED else "unassalpha"]
    _package("tifffile", ".tif").imwrite(path, values, compression="zlib", metadata=None, **colour)


def _write_exr(path: Path, picture: np.ndarray, convention: Convention, pixel_aspect: Fraction) -> None:
    package = _package("OpenEXR", ".exr")
    if picture.ndim == 2:
        picture = cv2.merge([picture] * 3)  # a matte: grey for every reader
    names = "RGBA"[: picture.shape[2]]
    half = np.clip(picture, -HIGHEST_HALF, HIGHEST_HALF).astype(np.float16)
    header = {"type": package.scanlineimage, "compression": package.ZIP_COMPRESSION}
    header["pixelAspectRatio"] = float(pixel_aspect)
    if convention.linear:
        header |= {"chromaticities": BT709_PRIMARIES, "colorInteropID": "lin_rec709_scene"}
    if len(names) == 4:
        header["alphaMode"] = convention.alpha_mode
    channels = {name: np.ascontiguousarray(half[..., index]) for index, name in enumerate(names)}
    package.File(header, channels).write(str(path))
    if not _is_complete(package, path):
        raise OSError(None, "the disk did not take all of it; is it full?")


def _is_complete(package, path: Path) -> bool:
    """OpenEXR says nothing when the last bytes of a file, which it holds back, find no room."""
    try:
        return package.InputFile(str(path)).isComplete()
    except OSError:
        return False


def read_exr(path: Path) -> np.ndarray:
    """[H, W, 3] float32 RGB, encoded: the first part's colours. Alpha and other layers are left out.

    Raises InputError.
    """
    package = _package("OpenEXR", ".exr")
    try:
        part = package.File(str(path), separate_channels=True).parts[0]  # there is none in a file that was cut off
        channels = {name: channel.pixels for name, channel in part.channels.items()}
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"cannot read {path} as OpenEXR: it is damaged or incomplete") from error
    names = ["R", "G", "B"] if "R" in channels else ["Y"] * 3
    if not set(names) <= set(channels):
        found = ", ".join(sorted(channels)) or "none"
        raise InputError(f"{path} has no channels R, G and B (found: {found}); write the picture as its first layer")
    linear = cv2.merge([np.ascontiguousarray(channels[name], np.float32) for name in names])
    return srgb_from_linear(_in_display_window(np.nan_to_num(linear), part.header))


def exr_pixel_aspect(path: Path) -> Fraction:
    """Width by height of a pixel of a file that `read_exr` could read; what makes no sense counts as square."""
    said = _package("OpenEXR", ".exr").File(str(path), header_only=True).header().get("pixelAspectRatio", 1.0)
    return Fraction(said).limit_denominator(ASPECT_DENOMINATOR) if 0.1 <= said <= 10 else SQUARE


def _in_display_window(pixels: np.ndarray, header: dict) -> np.ndarray:
    """The picture that the file is of: black where the stored window does not reach, cut where it goes beyond."""
    (left, top), (right, bottom) = header["displayWindow"]
    shift_x, shift_y = header["dataWindow"][0] - (left, top)
    size = int(right - left + 1), int(bottom - top + 1)
    if (shift_x, shift_y) == (0, 0) and pixels.shape[1::-1] == size:
        return pixels
    shown = np.zeros((size[1], size[0], 3), np.float32)
    rows, columns = (
        slice(max(0, shift), min(whole, shift + part))
        for shift, part, whole in ((shift_y, pixels.shape[0], size[1]), (shift_x, pixels.shape[1], size[0]))
    )
    if rows.start < rows.stop and columns.start < columns.stop:  # else the windows lie apart
        shown[rows, columns] = pixels[
            rows.start - shift_y : rows.stop - shift_y, columns.start - shift_x : columns.stop - shift_x
        ]
    return shown
