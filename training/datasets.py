"""Training samples for T-Net (`TNetSamples`), M-Net (`MNetSamples`) and both together (`JointSamples`)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from shm_stream.errors import InputError
from shm_stream.prior import tnet_shape

from . import photometric, scenes
from .layout import backgrounds, labelled_photos, people
from .library import load_backgrounds, load_people
from .parts import UNLABELLED, part_labels
from .stream import Samples
from .trimaps import mask_labels, random_prior, rough_logits, trimap_labels

TNET_SETS = {"portraits_soft": 0.21, "portraits": 0.43, "fullbody": 0.20, "groups": 0.16}
"""How often a set is drawn, for photos shown as they are."""
WHOLE_VIEW, CLOSE_VIEW = (0.95, 1.2), (0.8, 1.7)
"""Zoom of photos shown as they are: about the whole of it, as in use, or any part."""
PROPORTIONS = {(4, 3): 0.55, (1, 1): 0.2, (3, 4): 0.1, (9, 16): 0.15}
"""Height and width of T-Net's samples, and how often: those of photos, webcams and videos."""
WHOLE_SHARE = 0.65
PHOTO_SIDE = 448
"""Photos are held at this long side, or at twice the size of the samples."""
PASTE_SETS = {"portraits_soft": 0.4, "portraits": 0.35, "fullbody": 0.25}
"""The same for people that are pasted: sets with soft alpha."""
FULL_SIDE = 800
"""M-Net draws detail: its photos are held at this long side."""
OCCLUDED = 0.2
"""How often something stands in front of the people."""
PERSON_HEIGHTS = (0.3, 1.6)
"""Heights of pasted people in units of the frame: from far away to faces that fill it."""


def to_tensor(picture: np.ndarray) -> torch.Tensor:
    """[H, W, 3] uint8 → [3, H, W] float32 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


class People:
    """Photos of several sets, drawn with given probabilities.

    `soft` leaves out photos without a soft alpha: a hard mask says nothing about edges, so nobody is pasted with one.
    """

    def __init__(
        self,
        data: Path,
        sets: dict[str, float],
        split: str,
        side: int,
        cache: Path | None,
        soft: bool = False,
        parts: Path | None = None,
    ):
        examples = {name: [e for e in people(data, name, split) if e.alpha or not soft] for name in sets}
        for name, found in examples.items():
            if not found:
                what = "photos with a soft alpha" if soft else "photos"
                raise InputError(f"{data / 'people' / name} has no {what} to train on; add some")
        self.sets = [load_people(found, side, cache, parts) for found in examples.values()]
        self.probabilities = np.array(list(sets.values())) / sum(sets.values())

    def add(self, folder: Path, share: float, side: int, cache: Path | None, parts: Path | None = None) -> None:
        """One more set, all of it, drawn with probability `share`."""
        self.sets.append(load_people(labelled_photos(folder), side, cache, parts))
        self.probabilities = np.append(self.probabilities * (1 - share), share)

    def draw(self, rng: np.random.Generator):
        chosen = self.sets[rng.choice(len(self.sets), p=self.probabilities)]
        return chosen[rng.integers(len(chosen))]


class TNetSamples(Samples):
    """Photos, composites of 1 to 3 people, empty scenes.

    A sample is [4, h, w] RGB + prior alpha, [h, w] trimap classes, [h, w] alpha, [h, w] parts of people. All samples
    of a step have the same h and w, those that T-Net reads frames of some proportions at.
    """

    def __init__(
        self,
        data: Path,
        size: int,
        seed: int = 0,
        cache: Path | None = None,
        photos: float = 0.62,
        empty: float = 0.09,
        extra: tuple[Path, float] | None = None,
        parts: Path | None = None,
        square: bool = False,
    ):
        """`photos` and `empty` are shares of photos as they are and of scenes without people; the rest is pasted.

        `extra` is a folder of further labelled photos, and its share of the photos as they are. `parts` is a folder
        that `label_parts` wrote. `square` samples are [size, size], whatever T-Net would read.
        """
        super().__init__(size, seed)
        self.photos, self.empty, self.square = photos, empty, square
        side = max(2 * size, PHOTO_SIDE)
        self.shown = People(data, TNET_SETS, "train", side, cache, parts=parts)
        if extra:
            self.shown.add(*extra, side, cache, parts)
        self.pasted = People(data, PASTE_SETS, "train", side, cache, soft=True, parts=parts)
        self.backgrounds = load_backgrounds(backgrounds(data, "train"), side)

    def __getitem__(self, at: tuple[int, int]):
        return self.sample(np.random.default_rng((self.seed, *at)), self.shape(at[0]))

    def shape(self, step: int) -> tuple[int, int]:
        """(h, w) of the samples of a step, about `size` squared pixels."""
        if self.square:
            return self.size, self.size
        chosen = np.random.default_rng((self.seed, step)).choice(len(PROPORTIONS), p=list(PROPORTIONS.values()))
        return tnet_shape(*list(PROPORTIONS)[chosen], self.size)

    def scene(self, rng: np.random.Generator, shape: tuple[int, int]) -> scenes.Scene:
        kind = rng.random()
        if kind < self.photos:
            zoom = WHOLE_VIEW if rng.random() < WHOLE_SHARE else CLOSE_VIEW
            return scenes.photo(self.shown.draw(rng), shape, rng, zoom)
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        if kind < self.photos + self.empty:
            return scenes.empty(background, shape, rng)
        count = rng.choice((1, 2, 3), p=(0.75, 0.18, 0.07))
        crowd = [self.pasted.draw(rng) for _ in range(count)]
        return scenes.composite(crowd, background, shape, rng, PERSON_HEIGHTS)

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]):
        scene = self.scene(rng, shape)
        if rng.random() < OCCLUDED:
            scene = scenes.occlude(scene, self.backgrounds[rng.integers(len(self.backgrounds))], rng)
        labels = (trimap_labels if scene.soft else mask_labels)(scene.alpha, int(rng.integers(1, 4)))
        image = photometric.camera(scene.image, rng)
        prior = torch.from_numpy(random_prior(scene.alpha, rng))[None]
        alpha = torch.from_numpy(scene.alpha / np.float32(255))
        parts = np.full_like(scene.alpha, UNLABELLED) if scene.parts is None else scene.parts
        labels, parts = torch.from_numpy(labels), torch.from_numpy(part_labels(parts))
        return torch.cat([to_tensor(image), prior]), labels, alpha, parts


class MNetSamples(Samples):
    """Crops around soft edges, pasted with exact alpha or as photographed, with a trimap as T-Net would give it.

    A sample is a dict of image [3, T, T], logits [3, t, t], alpha [1, T, T], foreground and background [3, T, T],
    where T is the crop's size and logits come at a random reduced size t. `photos` is the share of photos as they are.
    """

    def __init__(self, data: Path, size: int, seed: int = 0, cache: Path | None = None, photos: float = 0.0):
        super().__init__(size, seed)
        self.photos = photos
        self.people = People(data, {"portraits_soft": 0.65, "portraits": 0.35}, "train", FULL_SIDE, cache, soft=True)
        self.backgrounds = load_backgrounds(backgrounds(data, "train"), FULL_SIDE)

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
    that both terms of L_p ask for alpha.
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
        "background": torch.zeros_like(picture) if scene.background is None else to_tensor(scene.background),
    }


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
        self.people = People(data, {"portraits_soft": 0.6, "portraits": 0.4}, "train", FULL_SIDE, cache, soft=True)
        self.backgrounds = load_backgrounds(backgrounds(data, "train"), FULL_SIDE)

    def sample(self, rng: np.random.Generator):
        scene = self.scene(rng, (self.size, self.size))
        small = cv2.resize(scene.alpha, None, fx=1 / self.ratio, fy=1 / self.ratio, interpolation=cv2.INTER_AREA)
        labels = torch.from_numpy(trimap_labels(small, int(rng.integers(1, 4))))
        side = int(rng.choice(self.patches))
        top, left = self._corner(scene.alpha, side, rng)
        return scene_tensors(scene, rng) | {"labels": labels, "top": top, "left": left, "side": side}

    def scene(self, rng: np.random.Generator, shape: tuple[int, int]) -> scenes.Scene:
        if self.photos and rng.random() < self.photos:
            return scenes.photo(self.people.draw(rng), shape, rng, CLOSE_VIEW)
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        people_here = [self.people.draw(rng) for _ in range(1 if rng.random() < 0.85 else 2)]
        return scenes.composite(people_here, background, shape, rng, fill=(0.6, 1.8))

    def _corner(self, alpha: np.ndarray, side: int, rng: np.random.Generator) -> tuple[int, int]:
        rows, columns = np.nonzero((alpha > 12) & (alpha < 243))
        pick = int(rng.integers(len(rows))) if len(rows) else None
        centre = (rows[pick], columns[pick]) if pick is not None else (self.size // 2, self.size // 2)
        wobble = rng.integers(-side // 4, side // 4, 2)
        return tuple(int(np.clip(c + w - side // 2, 0, self.size - side)) for c, w in zip(centre, wobble))
