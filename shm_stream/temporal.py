"""T-Net's trimap made steady: mixed with those of other frames, moved along with the picture.

What is mixed are probabilities at T-Net's size, where the picture of the other frame agrees with the present one. M-Net
and fusion see the frame itself, so a mask belongs to the frame it is drawn on.
"""

from __future__ import annotations

import numpy as np

from .motion import find_motion
from .prior import PriorState, softmax
from .work import Work

STRONGEST = 0.8
"""Share of what is known of the frame before, at 100 percent, where both frames agree. More is not steadier by much,
and drags edges along."""
SMALLEST = 1e-12
"""A probability below which fusion sees no difference, and whose logarithm is a number."""


def probabilities(logits: np.ndarray) -> np.ndarray:
    """[3, h, w] logits → [h, w, 3] float32, a picture that OpenCV can move."""
    return np.ascontiguousarray(softmax(logits).transpose(1, 2, 0))


def logits_from(probability: np.ndarray) -> np.ndarray:
    """[h, w, 3] probabilities → [3, h, w] float32 logits that `softmax` gives back."""
    return np.ascontiguousarray(np.log(np.maximum(probability, np.float32(SMALLEST))).transpose(2, 0, 1))


class TemporalSmoothing:
    """Mixes each frame's trimap with the smoothed one of the frame before. Frames come in order."""

    def __init__(self) -> None:
        self.state: PriorState | None = None
        """The frame before: its picture, and its trimap after smoothing. None at the beginning of a scene."""

    def __call__(self, work: Work, percent: float) -> np.ndarray:
        """[3, h, w] logits of `work`'s frame; `percent` above 0, to 100. A user's trimap is left as it is."""
        logits = work.logits
        if self.state is not None and not begins_anew(work):
            motion = find_motion(work.reduced, self.state.picture, logits.shape[1:])
            before, present = motion.follow(probabilities(self.state.logits)), probabilities(logits)
            share = motion.agreement * np.float32(STRONGEST * percent / 100)
            logits = logits_from(present + share * (before - present))
        self.state = PriorState(work.reduced, logits)
        return logits


def begins_anew(work: Work) -> bool:
    """Whether the frames before say nothing about this one; where a user drew the trimap nothing is left to say."""
    return work.new_scene or work.trimap is not None
