"""Small pictures of a shot for its report: some at even distances, and those that stand out."""

from __future__ import annotations

import cv2
import numpy as np

from .eval_pictures import data_uri, grey
from .outputs import TRANSPARENT
from .prior import softmax
from .reduce import reduce_picture, reduce_to_rgb
from .transfer import in_depth
from .trimap import Trimap
from .work import Work

WIDEST, HIGHEST = 192, 128
"""Pixels."""
MOST_SAMPLED = 16
FIRST_STEP = 8
"""Frames between two samples; doubled whenever there are MOST_SAMPLED."""
MOST_WORST = 3
APART = 12
"""Frames that two of the worst lie apart, so that one flaw is not shown three times."""
CLEARLY = 1.5
"""How much worse a frame must be to take another's place: a slow rise would make a picture of each frame otherwise."""
CHECKER = (255, 208)
"""Two greys that show through what is transparent, in squares of CHECKER_PIXELS."""
CHECKER_PIXELS = 8


class SampledPictures:
    """Between MOST_SAMPLED / 2 and MOST_SAMPLED pictures at even distances, however long the shot is."""

    def __init__(self) -> None:
        self.kept: list[dict] = []
        self._step = FIRST_STEP

    def offer(self, index: int, work: Work) -> None:
        """Keep a picture of frame `index` if it is its turn."""
        if index % self._step == 0:
            self.kept.append(picture_of(index, work))
            self._thin_out()

    def extend(self, others: SampledPictures, offset: int) -> None:
        """Those of the part that follows, whose first frame is frame `offset`."""
        self.kept += shifted(others.kept, offset)
        self._thin_out()

    def _thin_out(self) -> None:
        while len(self.kept) >= MOST_SAMPLED:
            self.kept, self._step = self.kept[::2], self._step * 2


class WorstPictures:
    """Pictures of the MOST_WORST frames with the highest values."""

    def __init__(self) -> None:
        self.kept: list[dict] = []

    def offer(self, index: int, value: float, work: Work) -> None:
        """Keep a picture of frame `index` if `value` is among the highest so far."""
        rival = self._rival(index)
        if value > 0 and (rival is None or value > CLEARLY * rival["value"]):
            self._replace(rival, {**picture_of(index, work), "value": round(value, 5)})

    def extend(self, others: WorstPictures, offset: int) -> None:
        """Those of the part that follows, whose first frame is frame `offset`."""
        for picture in shifted(others.kept, offset):
            rival = self._rival(picture["index"])
            if rival is None or picture["value"] > rival["value"]:
                self._replace(rival, picture)

    def _rival(self, index: int) -> dict | None:
        """The picture that one of frame `index` would displace; None when there is room."""
        near = [kept for kept in self.kept if abs(index - kept["index"]) < APART]
        full = self.kept if len(self.kept) == MOST_WORST else []
        return min(near or full, key=lambda kept: kept["value"], default=None)

    def _replace(self, rival: dict | None, picture: dict) -> None:
        others = [kept for kept in self.kept if kept is not rival]
        self.kept = sorted([*others, picture], key=lambda kept: kept["index"])


def shifted(pictures: list[dict], offset: int) -> list[dict]:
    return [{**picture, "index": picture["index"] + offset} for picture in pictures]


def picture_of(index: int, work: Work) -> dict:
    """`index`, `picture` and `alpha` (data URIs): what the outputs show, or the frame when there is only alpha."""
    height, width = fitted(*work.frame.size)
    return {
        "index": index,
        "picture": data_uri(_shown(work, height, width), "jpeg"),
        "alpha": data_uri(grey(_small_alpha(work, height, width)), "jpeg"),
    }


def fitted(height: int, width: int) -> tuple[int, int]:
    """(height, width) of a small picture in the frame's own proportions, at most HIGHEST x WIDEST."""
    scale = min(HIGHEST / height, WIDEST / width, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _shown(work: Work, height: int, width: int) -> np.ndarray:
    """[height, width, 3] uint8 RGB."""
    if TRANSPARENT in work.outputs:
        return _over_checker(_reduced(work.outputs[TRANSPARENT], height, width))
    shown = work.outputs.get("composite")
    if getattr(shown, "dtype", None) == np.float32:
        return _reduced(shown, height, width)
    return reduce_to_rgb(work.frame.picture if shown is None else shown, height, width)


def _reduced(output: np.ndarray, height: int, width: int) -> np.ndarray:
    """An output of uint8, or of float32 from 0 to 1 → the same small, uint8."""
    return in_depth(reduce_picture(output, height, width), fine=False)


def _over_checker(rgba: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(rgba.shape[:2]) // CHECKER_PIXELS
    squares = np.where((rows + columns) % 2, *CHECKER)[..., None]
    alpha = rgba[..., 3:] / 255
    return np.rint(alpha * rgba[..., :3] + (1 - alpha) * squares).astype(np.uint8)


def _small_alpha(work: Work, height: int, width: int) -> np.ndarray:
    """[height, width] in 0..1: the alpha output if there is one, else the same fused at this size."""
    if "alpha" in work.outputs:
        return _reduced(work.outputs["alpha"], height, width) / 255
    logits = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in work.logits]
    trimap = softmax(np.stack(logits))
    # alpha_raw stays on a GPU when there is one
    raw = 0.5 if work.alpha_raw is None else cv2.resize(work.alpha_raw, (width, height), interpolation=cv2.INTER_LINEAR)
    return trimap[Trimap.FOREGROUND] + trimap[Trimap.UNKNOWN] * raw
