"""Training samples at full size, for M-Net (`MNetSamples`) and for both networks together (`JointSamples`)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from . import photometric, scenes
from .layout import backgrounds
from .library import load_backgrounds
from .people import People
from .stream import Samples, to_tensor
from .trimaps import IGNORED, mask_labels, rough_logits, trimap_labels

FULL_SIDE = 800
"""Photos are held at this long side."""
SHOWN_SETS = {"fullbody": 0.6, "groups": 0.4}
"""Sets that are shown but never pasted: their alphas are too rough to be called exact, or masks."""
SHOWN = 0.35
"""Their share of the photos as they are."""
HARD_RING = 5
"""Pixels on both sides of a hard mask's edge that count for nothing."""


class MNetSamples(Samples):
    """Crops around soft edges, pasted with exact alpha or as photographed, with a trimap as T-Net would give it.

    A sample is a dict of image [3, T, T], logits [3, t, t], alpha and counted [1, T, T], foreground and background
    [3, T, T], where T is the crop's size and logits come at a random reduced size t. `photos` is the share of
    photos as they are.
    """

    def __init__(self, data: Path, size: int, seed: int = 0, cache: Path | None = None, photos: float = 0.0):
        super().__init__(size, seed)
        self.photos = photos
        sets = {"portraits_soft": 0.65, "portraits": 0.35}
        rooms = backgrounds(data, "train")  # what is missing is said before all photos are read
        self.people = People(data, sets, "train", FULL_SIDE, cache).with_soft_alpha(sets)
        self.backgrounds = load_backgrounds(rooms, FULL_SIDE)

    def sample(self, rng: np.random.Generator):
        scene = self.scene(rng, (self.size, self.size))
        logits = rough_logits(scene.alpha, rng)
        return scene_tensors(scene, rng) | {"logits": torch.from_numpy(logits)}

    def scene(self, rng: np.random.Generator, shape: tuple[int, int]) -> scenes.Scene:
        if self.photos and rng.random() < self.photos:
            return scenes.photo_patch(self.people.draw(rng), shape, rng)
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        return scenes.edge_patch(self.people.draw(rng), background, shape, rng)


def scene_tensors(scene: scenes.Scene, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """A scene as tensors. The camera's noise is on the image alone: alpha and colours stay the true ones.

    Of a photo as it is nobody knows the colours behind the edge; white on black makes its composite its alpha, so
    that both terms of L_p ask for alpha. `counted` [1, T, T] is 0 around the edges of a hard mask, else 1.
    """
    image = scene.image
    if rng.random() < 0.25:
        image = photometric.sensor_noise(image, rng)
    if rng.random() < 0.35:
        image = photometric.compress(image, rng)
    if rng.random() < 0.06:
        image = photometric.video(image, rng)
    picture = to_tensor(image)
    return {
        "image": picture,
        "alpha": torch.from_numpy(scene.alpha).float()[None] / 255,
        "foreground": torch.ones_like(picture) if scene.foreground is None else to_tensor(scene.foreground),
        "counted": torch.from_numpy(_counted(scene)).float()[None],
        "background": torch.zeros_like(picture) if scene.background is None else to_tensor(scene.background),
    }


def _counted(scene: scenes.Scene) -> np.ndarray:
    """[H, W] bool: where alpha can be relied on."""
    return np.ones(scene.alpha.shape, bool) if scene.soft else mask_labels(scene.alpha, HARD_RING) != IGNORED


class JointSamples(Samples):
    """Whole scenes for end-to-end training, composited or photographed, with trimap labels for L_t.

    A dict as `scene_tensors` makes it, plus labels [S/ratio, S/ratio] and `top`, `left`, `side`: corner and size of
    the patch that M-Net draws, one of the sizes `patches`, placed so that an edge runs through it. `photos` is the
    share of photos as they are.
    """

    def __init__(
        self,
        data: Path,
        size: int,
        patches: tuple[int, ...],
        ratio: int,
        seed: int = 0,
        cache: Path | None = None,
        photos: float = 0.0,
    ):
        super().__init__(size, seed)
        self.patches, self.ratio, self.photos = patches, ratio, photos
        sets = {"portraits_soft": 0.6, "portraits": 0.4}
        rooms = backgrounds(data, "train")
        self.people = People(data, sets, "train", FULL_SIDE, cache).with_soft_alpha(sets)
        self.shown = People(data, SHOWN_SETS, "train", FULL_SIDE, cache) if photos else None
        self.backgrounds = load_backgrounds(rooms, FULL_SIDE)

    def sample(self, rng: np.random.Generator):
        scene = self.scene(rng, (self.size, self.size))
        small = cv2.resize(scene.alpha, None, fx=1 / self.ratio, fy=1 / self.ratio, interpolation=cv2.INTER_AREA)
        label = trimap_labels if scene.soft else mask_labels
        labels = torch.from_numpy(label(small, int(rng.integers(1, 4))))
        side = int(rng.choice(self.patches))
        top, left = self._corner(scene.alpha, side, rng)
        return scene_tensors(scene, rng) | {"labels": labels, "top": top, "left": left, "side": side}

    def scene(self, rng: np.random.Generator, shape: tuple[int, int]) -> scenes.Scene:
        if self.photos and rng.random() < self.photos:
            crowd = self.shown if rng.random() < SHOWN else self.people
            return scenes.photo(crowd.draw(rng), shape, rng, scenes.CLOSE_VIEW)
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        people_here = [self.people.draw(rng) for _ in range(1 if rng.random() < 0.85 else 2)]
        return scenes.composite(people_here, background, shape, rng, fill=(0.6, 1.8))

    def _corner(self, alpha: np.ndarray, side: int, rng: np.random.Generator) -> tuple[int, int]:
        rows, columns = np.nonzero((alpha > 12) & (alpha < 243))
        pick = int(rng.integers(len(rows))) if len(rows) else None
        centre = (rows[pick], columns[pick]) if pick is not None else (self.size // 2, self.size // 2)
        wobble = rng.integers(-side // 4, side // 4, 2)
        return tuple(int(np.clip(c + w - side // 2, 0, self.size - side)) for c, w in zip(centre, wobble))
