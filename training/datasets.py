"""Endless streams of training samples for T-Net (`TNetSamples`) and M-Net (`MNetSamples`)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from . import distributed, photometric, scenes
from .layout import backgrounds, people
from .library import load_backgrounds, load_people
from .trimaps import random_prior, rough_logits, trimap_labels

TNET_SETS = {"portraits_soft": 0.21, "portraits": 0.43, "fullbody": 0.20, "groups": 0.16}
"""How often a set is drawn, for photos shown as they are."""
WHOLE_VIEW, CLOSE_VIEW = (0.75, 1.1), (0.7, 1.6)
"""Zoom of photos shown as they are: about the whole of it, as in use, or any part."""
PASTE_SETS = {"portraits_soft": 0.4, "portraits": 0.35, "fullbody": 0.25}
"""The same for people that are pasted: sets with soft alpha."""


def to_tensor(picture: np.ndarray) -> torch.Tensor:
    """[H, W, 3] uint8 → [3, H, W] float32 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


class People:
    """Photos of several sets, drawn with given probabilities."""

    def __init__(self, data: Path, sets: dict[str, float], split: str, side: int, cache: Path | None):
        self.sets = [load_people(people(data, name, split), side, cache) for name in sets]
        self.probabilities = np.array(list(sets.values())) / sum(sets.values())

    def draw(self, rng: np.random.Generator):
        chosen = self.sets[rng.choice(len(self.sets), p=self.probabilities)]
        return chosen[rng.integers(len(chosen))]


class Samples(IterableDataset):
    """Draws scenes for ever; each worker has its own random numbers, made from `seed` and `start`.

    `start` is the step a run resumes at, so that it does not see the same pictures again.
    """

    def __init__(self, size: int, seed: int, start: int):
        self.size, self.seed, self.start = size, seed, start

    def __iter__(self):
        worker = get_worker_info()
        rng = np.random.default_rng((self.seed, self.start, worker.id if worker else 0, distributed.rank()))
        while True:
            yield self.sample(rng)


class TNetSamples(Samples):
    """[4, S, S] RGB + prior alpha, and [S, S] trimap classes: photos, composites of 1 to 3 people, empty scenes."""

    def __init__(
        self,
        data: Path,
        size: int,
        seed: int = 0,
        start: int = 0,
        cache: Path | None = None,
        photos: float = 0.62,
        empty: float = 0.09,
    ):
        """`photos` and `empty` are shares of photos as they are and of scenes without people; the rest is pasted."""
        super().__init__(size, seed, start)
        self.photos, self.empty = photos, empty
        side = 2 * size
        self.shown = People(data, TNET_SETS, "train", side, cache)
        self.pasted = People(data, PASTE_SETS, "train", side, cache)
        self.backgrounds = load_backgrounds(backgrounds(data, "train"), side)

    def scene(self, rng: np.random.Generator) -> scenes.Scene:
        kind = rng.random()
        if kind < self.photos:
            zoom = WHOLE_VIEW if rng.random() < 0.5 else CLOSE_VIEW
            return scenes.photo(self.shown.draw(rng), self.size, rng, zoom)
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        if kind < self.photos + self.empty:
            return scenes.empty(background, self.size, rng)
        count = rng.choice((1, 2, 3), p=(0.75, 0.18, 0.07))
        return scenes.composite([self.pasted.draw(rng) for _ in range(count)], background, self.size, rng)

    def sample(self, rng: np.random.Generator):
        scene = self.scene(rng)
        labels = trimap_labels(scene.alpha, int(rng.integers(1, 4)))
        image = photometric.camera(scene.image, rng)
        prior = torch.from_numpy(random_prior(scene.alpha, rng))[None]
        return torch.cat([to_tensor(image), prior]), torch.from_numpy(labels)


class MNetSamples(Samples):
    """Crops around soft edges, composited with exact alpha, with a trimap as T-Net would give it.

    A sample is a dict of image [3, T, T], logits [3, t, t], alpha [1, T, T], foreground and background [3, T, T],
    where T is the crop's size and logits come at a random reduced size t.
    """

    def __init__(self, data: Path, size: int, seed: int = 0, start: int = 0, cache: Path | None = None):
        super().__init__(size, seed, start)
        self.people = People(data, {"portraits_soft": 0.65, "portraits": 0.35}, "train", 800, cache)
        self.backgrounds = load_backgrounds(backgrounds(data, "train"), 800)

    def sample(self, rng: np.random.Generator):
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        scene = scenes.edge_patch(self.people.draw(rng), background, self.size, rng)
        logits = rough_logits(scene.alpha, rng)
        return scene_tensors(scene, rng) | {"logits": torch.from_numpy(logits)}


def scene_tensors(scene: scenes.Scene, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """A composite as tensors. The camera's noise is on the image alone: alpha and colours stay the true ones."""
    image = scene.image
    if rng.random() < 0.25:
        image = photometric.sensor_noise(image, rng)
    if rng.random() < 0.35:
        image = photometric.compress(image, rng)
    return {
        "image": to_tensor(image),
        "alpha": torch.from_numpy(scene.alpha).float()[None] / 255,
        "foreground": to_tensor(scene.foreground),
        "background": to_tensor(scene.background),
    }


class JointSamples(Samples):
    """Whole composited scenes for end-to-end training, with trimap labels for L_t.

    A dict as `scene_tensors` makes it, plus labels [S/ratio, S/ratio] and `top`, `left`: the corner of the patch
    of side `patch` that M-Net draws, placed so that an edge runs through it.
    """

    def __init__(
        self, data: Path, size: int, patch: int, ratio: int, seed: int = 0, start: int = 0, cache: Path | None = None
    ):
        super().__init__(size, seed, start)
        self.patch, self.ratio = patch, ratio
        self.people = People(data, {"portraits_soft": 0.6, "portraits": 0.4}, "train", 800, cache)
        self.backgrounds = load_backgrounds(backgrounds(data, "train"), 800)

    def sample(self, rng: np.random.Generator):
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        people_here = [self.people.draw(rng) for _ in range(1 if rng.random() < 0.85 else 2)]
        scene = scenes.composite(people_here, background, self.size, rng, fill=(0.6, 1.8))
        small = cv2.resize(scene.alpha, None, fx=1 / self.ratio, fy=1 / self.ratio, interpolation=cv2.INTER_AREA)
        labels = torch.from_numpy(trimap_labels(small, int(rng.integers(1, 4))))
        top, left = self._corner(scene.alpha, rng)
        return scene_tensors(scene, rng) | {"labels": labels, "top": top, "left": left}

    def _corner(self, alpha: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
        rows, columns = np.nonzero((alpha > 12) & (alpha < 243))
        pick = int(rng.integers(len(rows))) if len(rows) else None
        centre = (rows[pick], columns[pick]) if pick is not None else (self.size // 2, self.size // 2)
        wobble = rng.integers(-self.patch // 4, self.patch // 4, 2)
        return tuple(int(np.clip(c + w - self.patch // 2, 0, self.size - self.patch)) for c, w in zip(centre, wobble))
