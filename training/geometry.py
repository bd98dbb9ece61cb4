"""Random crops: one affine transform, applied alike to a picture and its alpha."""

from __future__ import annotations

import cv2
import numpy as np


def affine(
    size: tuple[int, int],
    out: tuple[int, int],
    *,
    scale: float,
    centre: tuple[float, float],
    angle: float = 0.0,
    stretch: float = 1.0,
    flip: bool = False,
    anchor: tuple[float, float] | None = None,
) -> np.ndarray:
    """[2, 3] matrix from a picture of `size` (H, W) to a crop of `out` (h, w).

    The source point `centre` (x, y) lands on `anchor` (the crop's middle when None); `scale` is output pixels per
    source pixel, `stretch` widens x against y, `angle` is in degrees.
    """
    anchor = anchor or (out[1] / 2, out[0] / 2)
    radians = np.deg2rad(angle)
    x_scale = scale * stretch**0.5 * (-1 if flip else 1)
    y_scale = scale / stretch**0.5
    linear = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]) @ np.diag(
        (x_scale, y_scale)
    )
    shift = np.asarray(anchor) - linear @ np.asarray(centre)
    return np.column_stack((linear, shift)).astype(np.float64)


def warp_classes(classes: np.ndarray, matrix: np.ndarray, out: tuple[int, int], border: int) -> np.ndarray:
    """Applies `matrix` to a map of class numbers: picks, never mixes. Outside the picture it is `border`."""
    how = {"flags": cv2.INTER_NEAREST, "borderMode": cv2.BORDER_CONSTANT, "borderValue": border}
    return cv2.warpAffine(classes, matrix, out[::-1], **how)


def warp(
    picture: np.ndarray, matrix: np.ndarray, out: tuple[int, int], *, border: int = cv2.BORDER_REFLECT_101
) -> np.ndarray:
    """Applies `matrix`; averages over area first when it shrinks a lot, so that nothing aliases."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.7:
        height, width = picture.shape[:2]
        small = (max(2, round(width * scale)), max(2, round(height * scale)))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, :2] = matrix[:, :2] @ np.diag((width / small[0], height / small[1]))
    return cv2.warpAffine(picture, matrix, out[::-1], flags=cv2.INTER_LINEAR, borderMode=border)


def random_crop(
    size: tuple[int, int], out: tuple[int, int], rng: np.random.Generator, *, zoom: tuple[float, float]
) -> np.ndarray:
    """A random crop of `out` (h, w); `zoom` 1 shows the largest part of the picture in these proportions, 2 half of
    its width and height."""
    height, width = size
    scale = max(out[0] / height, out[1] / width) * np.exp(rng.uniform(*np.log(zoom)))
    centre = (_position(rng, width, out[1] / scale), _position(rng, height, out[0] / scale))
    angle = rng.normal(0, 7) if rng.random() < 0.4 else 0.0
    return affine(
        size,
        out,
        scale=scale,
        centre=centre,
        angle=angle,
        stretch=np.exp(rng.normal(0, 0.1)),
        flip=rng.random() < 0.5,
    )


def _position(rng: np.random.Generator, length: float, view: float) -> float:
    """The view's middle: inside the picture when it fits, centred when the view is larger."""
    free = max(0.0, length - view)
    return (length - free) / 2 + rng.uniform(0, free)
