"""T-Net's input: the reduced frame and the prior alpha, the state that goes from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .people import PersonState
from .reduce import reduce_to_rgb
from .trimap import Trimap
from .yuv_planes import YuvPlanes

CUT_THRESHOLD = 0.1
"""Mean absolute difference (0..1) between consecutive reduced frames above which they are different scenes.

Measured: at most 0.03 in 22 clips of moving people, 0.14 and more between photos of different people. A fast pan may
exceed it too, which costs no more than one frame without a prior.
"""


def tnet_shape(height: int, width: int, tnet_size: int) -> tuple[int, int]:
    """(h, w) of T-Net's input for a frame of `height` x `width`.

    About `tnet_size` squared pixels, so that every frame costs the same, in the frame's own proportions up to 1 : 2,
    both in multiples of 32. At 256: 192 x 352 for 16 : 9, 224 x 288 for 4 : 3.
    """
    stretch = min(max(height, width) / min(height, width), 2.0) ** 0.5
    short, long = _round_to_32(tnet_size / stretch), _round_to_32(tnet_size * stretch)
    return (short, long) if height <= width else (long, short)


def _round_to_32(pixels: float) -> int:
    return max(1, int(pixels / 32 + 0.5)) * 32


def softmax(logits: np.ndarray) -> np.ndarray:
    """[3, h, w] float32 logits → [3, h, w] float32 probabilities."""
    powers = np.exp(logits - logits.max(axis=0))
    return powers / powers.sum(axis=0)


@dataclass(frozen=True, eq=False)
class PriorState:
    """What a frame leaves behind for the next one."""

    picture: np.ndarray
    """[h, w, 3] uint8 RGB: the reduced frame."""
    logits: np.ndarray
    """[3, h', w'] float32: what T-Net said about it."""
    before: tuple[PriorState, ...] = ()
    """The frames of its scene before it, in order, as far as a lookahead still needs them."""
    smoothed: np.ndarray | None = None
    """[3, h', w'] float32: its logits after temporal smoothing, where there is some."""
    shown: np.ndarray | None = None
    """[3, h', w'] float32: its logits as M-Net was given them; statistics compare with them."""
    person: PersonState | None = None
    """Who was followed; None: everybody is kept."""


class Prior:
    """Remembers the previous frame: its reduced picture (to notice a cut) and what T-Net said about it."""

    def __init__(self) -> None:
        self.picture: np.ndarray | None = None
        """[h, w, 3] uint8 RGB: the reduced frame that was seen last."""
        self._logits: np.ndarray | None = None  # [3, h', w']
        self.at_cut = False
        """Whether that frame begins a scene."""

    def reset(self) -> None:
        """The next frame is the first of its scene."""
        self.picture = self._logits = None

    def restore(self, state: PriorState) -> None:
        """Go on after the frame that left `state`."""
        self.picture, self._logits = state.picture, state.logits

    def see(self, frame: np.ndarray | YuvPlanes, shape: tuple[int, int]) -> None:
        """Reduce the next frame to `shape` = (h, w), and forget the one before at a cut."""
        picture = reduce_to_rgb(frame, *shape)
        self.at_cut = self.picture is not None and is_cut(at_size(self.picture, shape), picture)
        if self.at_cut:
            self._logits = None
        self.picture = picture

    def tnet_input(self, frame: np.ndarray | YuvPlanes, shape: tuple[int, int]) -> np.ndarray:
        """RGB [H, W, 3] uint8 or planes → [1, 4, h, w] float32 in 0..1: area-averaged RGB and the prior alpha."""
        self.see(frame, shape)
        x = np.empty((1, 4, *shape), np.float32)
        np.multiply(self.picture.transpose(2, 0, 1), np.float32(1 / 255), out=x[0, :3])
        x[0, 3] = self._alpha(shape)
        return x

    def remember(self, logits: np.ndarray) -> None:
        """Keep what T-Net said about the frame given to `tnet_input` last."""
        self._logits = logits

    def _alpha(self, shape: tuple[int, int]) -> np.ndarray | float:
        """F_s + U_s/2: certain pixels as they are, unknown ones half covered. 0 when there is no previous frame."""
        if self._logits is None:
            return 0.0
        alpha = prior_alpha(self._logits)
        return cv2.resize(alpha, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def prior_alpha(logits: np.ndarray) -> np.ndarray:
    """[3, h, w] logits of a frame → [h, w] float32 prior alpha for the next one, in steps of 1/255.

    Rounded, so that what differs by less than a step becomes the same: frames that two runs come to from different
    beginnings soon have equal mattes, not nearly equal ones.
    """
    return np.rint(255 * alpha_of(softmax(logits))) * np.float32(1 / 255)


def at_size(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A remembered picture or alpha [h, w, ...] beside one of another size: T-Net's may change while frames go on."""
    return picture if picture.shape[:2] == shape else cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_LINEAR)


def alpha_of(trimap: np.ndarray) -> np.ndarray:
    """[3, h, w] probabilities → the prior alpha F_s + U_s/2, [h, w] float32 in 0..1."""
    return trimap[Trimap.FOREGROUND] + 0.5 * trimap[Trimap.UNKNOWN]


def is_cut(previous: np.ndarray, current: np.ndarray) -> bool:
    """Whether two consecutive reduced frames [h, w, 3] uint8 belong to different scenes."""
    if previous.shape != current.shape:
        return True
    return cv2.norm(previous, current, cv2.NORM_L1) / (255 * current.size) > CUT_THRESHOLD
