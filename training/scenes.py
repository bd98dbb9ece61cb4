"""Scenes for training: photos as they are, people pasted on other backgrounds, and rooms without anyone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import photometric
from .fringe import add_fringe
from .geometry import affine, random_crop, warp, warp_classes
from .library import Person
from .parts import UNLABELLED
from .strands import add_strands

CLOSE_VIEW = (0.8, 1.7)
"""Zoom of photos shown as they are: the whole of it, or any part."""
STRANDS, FRINGES = 0.4, 0.2
"""The shares of edge patches that get long strands, and those that get a short fringe instead."""


@dataclass
class Scene:
    image: np.ndarray
    """[H, W, 3] uint8 RGB."""
    alpha: np.ndarray
    """[H, W] uint8."""
    background: np.ndarray | None
    """[H, W, 3] uint8 RGB true background, known for composites only."""
    foreground: np.ndarray | None
    """[H, W, 3] uint8 RGB true foreground colours, known for composites only."""
    soft: bool
    """Whether alpha is a true soft alpha (a hard mask says nothing about edges)."""
    parts: np.ndarray | None = None
    """[H, W] uint8 as in `parts.py`, where everybody's parts are known."""


def photo(person: Person, size: tuple[int, int], rng: np.random.Generator, zoom: tuple[float, float]) -> Scene:
    """A random crop of a labelled photo, of `size` (H, W)."""
    matrix = random_crop(person.image.shape[:2], size, rng, zoom=zoom)
    parts = None if person.parts is None else warp_classes(person.parts, matrix, size, UNLABELLED)
    return Scene(warp(person.image, matrix, size), warp(person.alpha, matrix, size), None, None, person.soft, parts)


def empty(background: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Scene:
    """A background without people: alpha is 0 everywhere."""
    picture = _backdrop(background, size, rng)
    nobody = np.zeros(size, np.uint8)
    return Scene(picture, nobody, picture, picture, True, nobody)


def composite(
    people: list[Person], background: np.ndarray, size: tuple[int, int], rng: np.random.Generator, fill=(0.45, 1.5)
) -> Scene:
    """People pasted one over the other on a background; alpha is exact by construction.

    `size` is (H, W); `fill` is the range of a person's height in units of the frame's.
    """
    backdrop = _backdrop(background, size, rng)
    image, alpha = backdrop.astype(np.float32), np.zeros(size, np.float32)
    foreground = backdrop.astype(np.float32)
    parts = np.zeros(size, np.uint8) if all(person.parts is not None for person in people) else None
    light = rng.random() < 0.5
    for person in people:
        matrix = _place(person, size, rng, fill)
        if matrix is None:
            continue
        colours = warp(person.foreground, matrix, size, border=cv2.BORDER_REPLICATE)
        cover = warp(person.alpha, matrix, size, border=cv2.BORDER_CONSTANT)
        if parts is not None:
            parts = np.where(cover > 127, warp_classes(person.parts, matrix, size, UNLABELLED), parts)
        colours = photometric.relight(colours, rng, 0.8) if light else colours
        a = (cover.astype(np.float32) / 255)[..., None]
        image += a * (colours - image)
        # over-operator on straight colours: what is visible of the nearer person hides what lies behind
        whole = np.maximum(a + alpha[..., None] * (1 - a), 1e-6)
        foreground = np.where(whole > 1e-5, (a * colours + alpha[..., None] * (1 - a) * foreground) / whole, foreground)
        alpha += a[..., 0] * (1 - alpha)
    to_bytes = [np.clip(x + 0.5, 0, 255).astype(np.uint8) for x in (image, alpha * 255, foreground)]
    return Scene(to_bytes[0], to_bytes[1], backdrop, to_bytes[2], True, parts)


def _backdrop(background: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    picture = warp(background, random_crop(background.shape[:2], size, rng, zoom=(1.0, 2.0)), size)
    if rng.random() < 0.3:
        picture = photometric.blur(picture, rng, min(size) / 60)
    return photometric.relight(picture, rng, 0.7) if rng.random() < 0.5 else picture


def _place(person: Person, size: tuple[int, int], rng: np.random.Generator, fill) -> np.ndarray | None:
    """The matrix that puts a person at a random size somewhere; cut by the lower edge when the photo was. None when
    nobody is in the photo."""
    height, width = person.alpha.shape
    rows = np.flatnonzero(person.alpha.max(1) > 127)
    columns = np.flatnonzero(person.alpha.max(0) > 127)
    if len(rows) == 0:
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    scale = size[0] * np.exp(rng.uniform(*np.log(fill))) / (bottom - top)
    cut = bottom >= height - 3
    foot = size[0] + (rng.uniform(1, 3) + scale * 2 if cut else rng.normal(-0.02, 0.12) * size[0])
    if scale * (bottom - top) > 1.1 * size[0]:
        above = size[0] * (rng.uniform(0.97, 1.0) - rng.uniform(0.9, 1.1))
        foot = max(foot, above + scale * (bottom - top))
    anchor = (size[1] * np.clip(rng.normal(0.5, 0.2), 0, 1), foot)
    angle = rng.normal(0, 4) if not cut and rng.random() < 0.3 else 0.0
    return affine(
        (height, width),
        size,
        scale=scale,
        centre=((left + right) / 2, bottom),
        angle=angle,
        stretch=np.exp(rng.normal(0, 0.05)),
        flip=rng.random() < 0.5,
        anchor=anchor,
    )


def edge_patch(
    person: Person, background: np.ndarray, size: tuple[int, int], rng: np.random.Generator, zoom=(0.6, 1.5)
) -> Scene:
    """A crop of `size` (H, W) around a random point of the person's soft edge, on another background.

    `zoom` is output pixels per photo pixel: M-Net must know hair in small and in large pictures.
    """
    matrix = _edge_crop(person, size, rng, zoom)
    colours, alpha = warp(person.foreground, matrix, size), warp(person.alpha, matrix, size)
    detail = rng.random()
    if detail < STRANDS:
        colours, alpha = add_strands(colours, alpha, rng)
    elif detail < STRANDS + FRINGES:
        colours, alpha = add_fringe(colours, alpha, rng)
    backdrop = _backdrop(background, size, rng)
    if rng.random() < 0.6:
        colours = photometric.relight(colours, rng, 0.8)
    if rng.random() < 0.3:
        colours, alpha = _smear(colours, alpha, rng)
    a = (alpha / np.float32(255))[..., None]
    image = np.clip(a * colours + (1 - a) * backdrop + 0.5, 0, 255).astype(np.uint8)
    return Scene(image, alpha, backdrop, colours, True)


def photo_patch(person: Person, size: tuple[int, int], rng: np.random.Generator, zoom=(0.6, 1.5)) -> Scene:
    """A crop of `size` (H, W) around a random point of the person's soft edge, as the camera took it: light, focus
    and edges are real, alpha is as good as the set's."""
    matrix = _edge_crop(person, size, rng, zoom)
    return Scene(warp(person.image, matrix, size), warp(person.alpha, matrix, size), None, None, person.soft)


def _edge_crop(person: Person, size: tuple[int, int], rng: np.random.Generator, zoom) -> np.ndarray:
    """The matrix of a crop around a random point of the soft edge, turned and mirrored at random."""
    rows, columns = np.nonzero((person.alpha > 25) & (person.alpha < 230))
    height, width = person.alpha.shape
    pick = int(rng.integers(len(rows))) if len(rows) else 0
    return affine(
        (height, width),
        size,
        scale=np.exp(rng.uniform(*np.log(zoom))),
        centre=(columns[pick], rows[pick]) if len(rows) else (width / 2, height / 2),
        anchor=tuple(rng.uniform(0.2, 0.8, 2) * size[::-1]),
        angle=rng.normal(0, 10),
        flip=rng.random() < 0.5,
    )


def _smear(colours: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Motion blur or defocus of the person: premultiplied, so that it mixes light as a shutter and a lens do."""
    kernel = photometric.motion_kernel(rng) if rng.random() < 0.6 else photometric.lens_kernel(rng)
    light = cv2.filter2D(colours * (alpha[..., None] / np.float32(255)), -1, kernel)
    alpha = cv2.filter2D(alpha, -1, kernel)
    straight = light / np.maximum(alpha[..., None] / np.float32(255), 1 / 255)
    return np.clip(straight + 0.5, 0, 255).astype(np.uint8), alpha
