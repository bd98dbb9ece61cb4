"""What the frames of a shot looked like, collected while they are made, at reduced size.

Every figure comes from T-Net's logits and its reduced frame, so it costs some tenths of a millisecond whatever the size
of the video is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import cv2
import numpy as np

from .prior import PriorState, alpha_of, at_size, is_cut, softmax
from .qc_pictures import SampledPictures, WorstPictures
from .trimap import Trimap
from .work import Work

EDGES = ("left", "right", "top", "bottom")
STILL = 12
"""Steps of 255 in any channel by which a reduced picture may change and count as the same: noise is less."""


@dataclass
class Figures:
    """A value for each frame, all lists of one length. Shares are 0..1."""

    seconds: list[float] = field(default_factory=list)
    """When the frame is shown."""
    coverage: list[float] = field(default_factory=list)
    """Mean of F_s + U_s/2: the share of the picture that the subject covers."""
    uncertain: list[float] = field(default_factory=list)
    """Mean of U_s: the share where T-Net leaves it to M-Net."""
    flicker: list[float] = field(default_factory=list)
    """`unexplained_change` of F_s + U_s/2 since the frame before; 0 for the first frame and at cuts."""
    cut: list[int] = field(default_factory=list)
    """1 where a scene begins that is not the first."""
    left: list[float] = field(default_factory=list)
    """Share of the left edge that the subject covers; likewise the others."""
    right: list[float] = field(default_factory=list)
    top: list[float] = field(default_factory=list)
    bottom: list[float] = field(default_factory=list)

    def append(self, **values: float) -> None:
        """The values of the next frame, one for each list."""
        for name, series in vars(self).items():
            series.append(round(values[name], 5))

    def __len__(self) -> int:
        return len(self.seconds)


class ShotStatistics:
    """Figures and small pictures of one stream of frames."""

    def __init__(self) -> None:
        self.figures = Figures()
        self.sampled = SampledPictures()
        self.worst = WorstPictures()
        self._previous: tuple[np.ndarray, np.ndarray] | None = None  # reduced frame [h, w, 3] uint8, alpha [h, w]

    def add(self, work: Work) -> None:
        """The next frame, after `fuse` and before anyone may change its outputs."""
        index = len(self.figures)
        self.figures.append(seconds=work.frame.pts_seconds, **self._measure(work))
        self.sampled.offer(index, work)
        self.worst.offer(index, self.figures.flicker[-1] + self.figures.cut[-1], work)

    def resume(self, state: PriorState) -> None:
        """The next frame is compared with the one that left `state`, which is not counted."""
        trimap = _small_trimap(state.logits if state.shown is None else state.shown)
        self._previous = _small_picture(state.picture, trimap), alpha_of(trimap)

    def _measure(self, work: Work) -> dict[str, float]:
        trimap = _small_trimap(work.steadied)
        picture, alpha = _small_picture(work.reduced, trimap), alpha_of(trimap)
        before, self._previous = self._previous, (picture, alpha)
        before = before and tuple(at_size(part, alpha.shape) for part in before)
        cut = before is not None and is_cut(before[0], picture)
        left, right = (-1, 0) if work.mirrored else (0, -1)  # as the outputs show them
        edges = (alpha[:, left], alpha[:, right], alpha[0], alpha[-1])
        return {
            "coverage": float(alpha.mean()),
            "uncertain": float(trimap[Trimap.UNKNOWN].mean()),
            "flicker": 0.0 if before is None or cut else unexplained_change(picture, alpha, *before),
            "cut": int(cut),
            **{name: float(values.mean()) for name, values in zip(EDGES, edges)},
        }

    def to_json(self) -> dict:
        """All of it, for `from_json`."""
        return {"figures": asdict(self.figures), "sampled": self.sampled.kept, "worst": self.worst.kept}

    @classmethod
    def from_json(cls, facts: dict) -> ShotStatistics:
        """What `to_json` gave. Raises KeyError or TypeError for anything else."""
        made = cls()
        made.figures = Figures(**facts["figures"])
        made.sampled.kept, made.worst.kept = list(facts["sampled"]), list(facts["worst"])
        return made


def _small_trimap(logits: np.ndarray) -> np.ndarray:
    """[3, h, w]: every second sample is enough for means, at a quarter of the cost."""
    return softmax(logits[:, ::2, ::2])


def _small_picture(picture: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """The reduced frame [H, W, 3] uint8 at the size of `trimap`."""
    return cv2.resize(picture, trimap.shape[:0:-1], interpolation=cv2.INTER_AREA)


def unexplained_change(
    picture: np.ndarray, alpha: np.ndarray, previous_picture: np.ndarray, previous_alpha: np.ndarray
) -> float:
    """Mean over all pixels of |alpha - previous alpha|, counted where [h, w, 3] uint8 pictures stay as they were.

    Where something moves alpha has reason to change. Following that motion, as `measures_video.flicker` does, costs
    ten times as much and takes quick gestures for flicker.
    """
    still = cv2.inRange(cv2.absdiff(picture, previous_picture), (0, 0, 0), (STILL, STILL, STILL))
    return cv2.norm(alpha, previous_alpha, cv2.NORM_L1, still) / alpha.size


def join_statistics(parts: Iterable[ShotStatistics]) -> ShotStatistics:
    """The statistics of a shot from those of its parts, in order."""
    whole = ShotStatistics()
    for part in parts:
        offset = len(whole.figures)
        for name, series in vars(whole.figures).items():
            series.extend(getattr(part.figures, name))
        whole.sampled.extend(part.sampled, offset)
        whole.worst.extend(part.worst, offset)
    return whole
