"""Training samples for T-Net: photos, pasted people, empty scenes, in the shapes that T-Net reads frames at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from shm_stream.prior import tnet_shape

from . import obstacles, photometric, scenes
from .layout import backgrounds, further_photos
from .library import load_backgrounds, load_people
from .parts import UNLABELLED, check_parts, part_labels
from .people import People
from .stream import Samples, to_tensor
from .trimaps import mask_labels, random_prior, trimap_labels

TNET_SETS = {"portraits_soft": 0.21, "portraits": 0.43, "fullbody": 0.20, "groups": 0.16}
"""How often a set is drawn, for photos shown as they are."""
WHOLE_VIEW = (0.95, 1.2)
"""Zoom of photos shown as they are: about the whole of it, as in use; else `scenes.CLOSE_VIEW`."""
PROPORTIONS = {(4, 3): 0.55, (1, 1): 0.2, (3, 4): 0.1, (9, 16): 0.15}
"""Height and width of T-Net's samples, and how often: those of photos, webcams and videos."""
WHOLE_SHARE = 0.65
PHOTO_SIDE = 448
"""Photos are held at this long side, or at twice the size of the samples."""
PASTE_SETS = {"portraits_soft": 0.4, "portraits": 0.35, "fullbody": 0.25}
"""The same for people that are pasted: sets with soft alpha."""
OCCLUDED = 0.2
"""How often something stands in front of the people."""
THINGS = 0.15
"""How often a pet or another thing of known outline does, where such are given."""
ANIMALS, EMPTY_ANIMALS = 0.25, 0.5
"""Share of pictures of animals, where the data have such, among photos without people: in general, and as scenes
without anyone. They are what is most often taken for people."""
PRINTED, HANDS = 0.25, 0.12
"""How often their clothes get a print, and a hand comes before them, where parts of people are known."""
PERSON_HEIGHTS = (0.3, 1.6)
"""Heights of pasted people in units of the frame: from far away to faces that fill it."""


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
        photos: float = 0.72,
        empty: float = 0.09,
        extra: tuple[Path, float] | None = None,
        parts: Path | None = None,
        things: Path | None = None,
        leave_out: Path | None = None,
        square: bool = False,
        sizes: tuple[int, ...] = (),
    ):
        """`photos` and `empty` are shares of photos as they are and of scenes without people; the rest is pasted.

        `extra` is a folder of further labelled photos, and its share of the photos as they are. `parts` is a folder
        that `label_parts` wrote: it also allows prints on clothes and hands. `things` is a folder that `cut_things`
        wrote, `leave_out` a list of photos whose labels are not to be trusted. `square` samples are [size, size],
        whatever T-Net would read. With `sizes` every step is drawn at one of these instead of `size`.
        """
        super().__init__(size, seed)
        self.sizes = sizes or (size,)
        self.photos, self.empty, self.square = photos, empty, square
        self.knows_parts = parts is not None
        paths = backgrounds(data, "train")  # what is missing is said before all photos are read
        if parts:
            check_parts(parts)
        side = max(2 * max(self.sizes), PHOTO_SIDE)
        self.shown = People(data, TNET_SETS, "train", side, cache, parts=parts, leave_out=leave_out)
        self.pasted = self.shown.with_soft_alpha(PASTE_SETS)
        if extra:
            self.shown.add(*extra, side, cache, parts)
        self.things = load_people(further_photos(things), side, cache) if things else []
        self.backgrounds = load_backgrounds(paths, side)
        self.animals = [picture for picture, path in zip(self.backgrounds, paths) if path.parent.name == "animals"]

    def __getitem__(self, at: tuple[int, int]):
        return self.sample(np.random.default_rng((self.seed, *at)), self.shape(at[0]))

    def shape(self, step: int) -> tuple[int, int]:
        """(h, w) of the samples of a step, about its size squared in pixels."""
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(len(PROPORTIONS), p=list(PROPORTIONS.values()))
        size = int(rng.choice(self.sizes))
        return (size, size) if self.square else tnet_shape(*list(PROPORTIONS)[chosen], size)

    def scene(self, rng: np.random.Generator, shape: tuple[int, int]) -> scenes.Scene:
        kind = rng.random()
        if kind < self.photos:
            zoom = WHOLE_VIEW if rng.random() < WHOLE_SHARE else scenes.CLOSE_VIEW
            return scenes.photo(self.shown.draw(rng), shape, rng, zoom)
        if kind < self.photos + self.empty:
            return scenes.empty(self._picture(rng, EMPTY_ANIMALS), shape, rng)
        background = self._picture(rng)
        count = rng.choice((1, 2, 3), p=(0.75, 0.18, 0.07))
        crowd = [self.pasted.draw(rng) for _ in range(count)]
        return scenes.composite(crowd, background, shape, rng, PERSON_HEIGHTS)

    def made_harder(self, scene: scenes.Scene, rng: np.random.Generator) -> scenes.Scene:
        if self.knows_parts and scene.parts is not None:
            if rng.random() < PRINTED:
                scene = obstacles.print_clothes(scene, self._picture(rng), rng)
            if rng.random() < HANDS:
                scene = obstacles.add_hand(scene, self.shown.draw(rng), rng)
        if rng.random() < OCCLUDED:
            scene = obstacles.occlude(scene, self._picture(rng), rng)
        if self.things and rng.random() < THINGS:
            scene = obstacles.put_before(scene, self.things[rng.integers(len(self.things))], rng)
        return scene

    def _picture(self, rng: np.random.Generator, animals: float = ANIMALS) -> np.ndarray:
        """A photo without people; `animals` is how often it is one of animals."""
        chosen = self.animals if self.animals and rng.random() < animals else self.backgrounds
        return chosen[rng.integers(len(chosen))]

    def sample(self, rng: np.random.Generator, shape: tuple[int, int]):
        scene = self.made_harder(self.scene(rng, shape), rng)
        labels = (trimap_labels if scene.soft else mask_labels)(scene.alpha, int(rng.integers(1, 4)))
        image = photometric.camera(scene.image, rng)
        prior = torch.from_numpy(random_prior(scene.alpha, rng))[None]
        alpha = torch.from_numpy(scene.alpha / np.float32(255))
        parts = np.full_like(scene.alpha, UNLABELLED) if scene.parts is None else scene.parts
        labels, parts = torch.from_numpy(labels), torch.from_numpy(part_labels(parts))
        return torch.cat([to_tensor(image), prior]), labels, alpha, parts
