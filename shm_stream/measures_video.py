"""How steady alpha is from frame to frame: dtSSD against a truth, flicker without one.

Alphas are [H, W] floating point in 0..1, frames [H, W, 3] uint8 RGB. Every function raises InputError for arrays that
do not fit together, hold NaN or leave 0..1.
"""

from __future__ import annotations

import cv2
import numpy as np

from .errors import InputError
from .measures import check_alphas

SMALLEST_SIDE = 16
"""The optical flow needs a dozen pixels."""


def dtssd(
    alpha: np.ndarray,
    previous: np.ndarray,
    truth: np.ndarray,
    previous_truth: np.ndarray,
    mask: np.ndarray | None = None,
) -> float:
    """sqrt of the mean of ((alpha - previous) - (truth - previous_truth))², 0..2. RVM prints it x 1e2.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting" (BMVC 2015), for one pair of frames. The
    dtSSD of a clip is the mean over its pairs; RVM's table counts a zero for the first frame as well.
    """
    for other in (previous, truth, previous_truth):
        check_alphas(alpha, other, mask)
    change = np.subtract(alpha, previous, dtype=np.float64) - np.subtract(truth, previous_truth, dtype=np.float64)
    squares = change**2 if mask is None else change[mask] ** 2
    return float(np.sqrt(squares.mean()))


def flicker(alpha: np.ndarray, previous: np.ndarray, flow: np.ndarray) -> float:
    """Mean of |alpha - previous alpha moved along with the picture|, 0..1; `flow` comes from `flow_to_previous`.

    What is left after the motion is taken out: changes of alpha that nothing in the picture explains, and what the
    flow got wrong. Compare values of the same clip only. It says how steady alpha is, not how right.
    """
    check_alphas(alpha, previous)
    return float(np.abs(np.subtract(alpha, move(previous, flow), dtype=np.float64)).mean())


def move(previous: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """[H, W] float32: each pixel fetched from where `flow` says it was, edges repeated."""
    height, width = previous.shape
    if flow.shape != (height, width, 2):
        raise InputError(f"flow must be [{height}, {width}, 2], got {list(flow.shape)}")
    places = flow.astype(np.float32)  # [H, W, 2] x, y
    places[..., 0] += np.arange(width, dtype=np.float32)
    places[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    source = np.asarray(previous, np.float32)
    return cv2.remap(source, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def flow_to_previous(frame: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """[H, W, 2] float32: how far (x, y) each pixel of `frame` must look to find itself in `previous`.

    OpenCV's dense inverse search (Kroeger et al., ECCV 2016). Meant for consecutive frames of one scene.
    """
    for picture in (frame, previous):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise InputError(f"frames must be [H, W, 3] uint8 RGB, got {list(picture.shape)} {picture.dtype}")
    if frame.shape != previous.shape:
        raise InputError(f"frames differ in size: {list(previous.shape)}, then {list(frame.shape)}")
    if min(frame.shape[:2]) < SMALLEST_SIDE:
        raise InputError(f"frames of {frame.shape[1]}x{frame.shape[0]} are too small to follow motion in them")
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (frame, previous)]
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)
