"""What makes a scene harder: things and hands in front of people, and prints on what they wear."""

from __future__ import annotations

import cv2
import numpy as np

from .geometry import affine, random_crop, warp
from .library import Person
from .parts import PARTS
from .scenes import Scene

SKIN, CLOTHES = PARTS.index("body skin"), PARTS.index("clothes")
THING_SIDES = (0.12, 0.7)
"""Sides of pets and things, as squares of the same area, in units of the short side of the frame."""
LEAST = 0.003
"""Share of a picture that a piece of skin or clothing must cover to be used."""


def occlude(scene: Scene, thing: np.ndarray, rng: np.random.Generator) -> Scene:
    """Something in front of everybody: a blob of another photo, mostly low in the picture, as pets, plates and tables
    are. It is no person, so alpha is lowered by exactly its cover."""
    size = scene.alpha.shape
    cover = _blob(size, rng)
    texture = warp(thing, random_crop(thing.shape[:2], size, rng, zoom=(1.0, 3.0)), size)
    return _before_all(scene, texture, cover)


def put_before(scene: Scene, thing: Person, rng: np.random.Generator) -> Scene:
    """A pet or another thing of known outline, in front of the people or beside them. It is no person: alpha is lowered
    by exactly its cover. Without an outline the scene stays as it is."""
    size = scene.alpha.shape
    rows, columns = np.nonzero(thing.alpha > 127)
    if len(rows) == 0:
        return scene
    matrix = affine(
        thing.alpha.shape,
        size,
        scale=min(size) * np.exp(rng.uniform(*np.log(THING_SIDES))) / np.sqrt(len(rows)),
        centre=(columns.mean(), rows.mean()),
        angle=rng.normal(0, 12),
        flip=rng.random() < 0.5,
        anchor=(size[1] * rng.uniform(0, 1), size[0] * rng.uniform(0.3, 1.05)),
    )
    cover = warp(thing.alpha, matrix, size, border=cv2.BORDER_CONSTANT) / np.float32(255)
    return _before_all(scene, warp(thing.foreground, matrix, size, border=cv2.BORDER_REPLICATE), cover)


def print_clothes(scene: Scene, picture: np.ndarray, rng: np.random.Generator) -> Scene:
    """Another photo as a print on what people wear, or as all of it, under the light that falls on them. It is part of
    them: alpha stays. Needs parts; without clothes in sight the scene stays as it is."""
    size = scene.alpha.shape
    worn = scene.parts == CLOTHES
    if worn.mean() < LEAST:
        return scene
    cover = worn.astype(np.float32)
    if rng.random() < 0.6:
        y, x = np.argwhere(worn)[rng.integers(worn.sum())]
        cover *= _blob(size, rng, (float(x), float(y)))
    cover = cv2.GaussianBlur(cover, (0, 0), 0.8) * (scene.alpha / np.float32(255))
    texture = warp(picture, random_crop(picture.shape[:2], size, rng, zoom=(1.0, 4.0)), size)
    grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = np.clip((grey + 20) / (grey[worn].mean() + 20), 0.4, 1.8)[..., None] ** rng.uniform(0.2, 0.8)
    image = _laid_over(scene.image, texture * light, cover)
    return Scene(image, scene.alpha, None, None, scene.soft, scene.parts)


def add_hand(scene: Scene, donor: Person, rng: np.random.Generator) -> Scene:
    """A hand or arm of somebody else in front of the people. It is a person's, so alpha rises to its cover. Without
    such skin on the donor, or without people, the scene stays as it is."""
    size = scene.alpha.shape
    rows, columns = np.nonzero(scene.alpha > 127)
    piece = _piece_of_skin(donor, rng)
    if piece is None or len(rows) == 0:
        return scene
    pick = int(rng.integers(len(rows)))
    matrix = affine(
        donor.alpha.shape,
        size,
        scale=min(size) * rng.uniform(0.1, 0.35) / np.sqrt(piece.sum()),
        centre=tuple(c.mean() for c in np.nonzero(piece))[::-1],
        angle=rng.uniform(-180, 180),
        flip=rng.random() < 0.5,
        anchor=(columns[pick], rows[pick]),
    )
    shape = cv2.GaussianBlur(piece.astype(np.float32), (0, 0), 1.0)
    cover = warp((255 * shape).astype(np.uint8), matrix, size, border=cv2.BORDER_CONSTANT) / np.float32(255)
    image = _laid_over(scene.image, warp(donor.image, matrix, size), cover)
    alpha = np.clip(scene.alpha + cover * (255 - scene.alpha.astype(np.float32)) + 0.5, 0, 255).astype(np.uint8)
    parts = None if scene.parts is None else np.where(cover > 0.5, np.uint8(SKIN), scene.parts)
    return Scene(image, alpha, None, None, scene.soft, parts)


def _before_all(scene: Scene, colours: np.ndarray, cover: np.ndarray) -> Scene:
    """`colours` in front of everybody where `cover` [H, W] 0..1 says so; no person."""
    alpha = np.clip((1 - cover) * scene.alpha + 0.5, 0, 255).astype(np.uint8)
    parts = None if scene.parts is None else np.where(cover > 0.5, np.uint8(0), scene.parts)
    return Scene(_laid_over(scene.image, colours, cover), alpha, None, None, scene.soft, parts)


def _laid_over(image: np.ndarray, colours: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8: `colours` over `image` where `cover` [H, W] 0..1 says so."""
    a = cover[..., None]
    return np.clip(a * colours + (1 - a) * image + 0.5, 0, 255).astype(np.uint8)


def _piece_of_skin(person: Person, rng: np.random.Generator) -> np.ndarray | None:
    """[H, W] bool: one connected piece of a person's bare skin, faces apart."""
    if person.parts is None:
        return None
    skin = ((person.parts == SKIN) & (person.alpha > 200)).astype(np.uint8)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(skin)
    large = [i for i in range(1, len(facts)) if facts[i, cv2.CC_STAT_AREA] > LEAST * skin.size]
    return labels == rng.choice(large) if large else None


def _blob(size: tuple[int, int], rng: np.random.Generator, middle: tuple[float, float] | None = None) -> np.ndarray:
    """[H, W] float32 cover 0..1: a round outline of random radii with a sharp or slightly soft edge.

    `middle` (x, y) in pixels; by default somewhere below the upper third.
    """
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    side = min(size)
    radii = side * np.exp(rng.uniform(np.log(0.06), np.log(0.3))) * np.exp(rng.normal(0, 0.25, 12))
    anywhere = (size[1] * rng.uniform(0, 1), size[0] * rng.uniform(0.35, 1.05))
    stretch = np.exp(rng.normal(0, 0.3)) ** np.array([1, -1])
    outline = np.array(middle or anywhere) + radii[:, None] * np.stack((np.cos(angles), np.sin(angles)), -1) * stretch
    cover = np.zeros(size, np.float32)
    cv2.fillPoly(cover, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    # corners of the polygon become curves: blur, then steepen the edge again
    smooth = cv2.GaussianBlur(cover, (0, 0), side / 40)
    return np.clip((smooth - 0.5) * rng.uniform(4, 16) + 0.5, 0, 1)
