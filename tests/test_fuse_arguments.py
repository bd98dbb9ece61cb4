"""What fuse_composite refuses, and that it says why."""

from __future__ import annotations

import numpy as np
import pytest

from shm_stream import fuse
from shm_stream.fuse import fuse_composite


def arrays(**changes):
    size = (8, 10)
    result = {
        "logits": np.zeros((3, 2, 2), np.float32),
        "alpha_raw": np.zeros(size, np.float32),
        "frame": np.zeros((*size, 3), np.uint8),
        "background": np.zeros((*size, 3), np.uint8),
        "composite": np.zeros((*size, 3), np.uint8),
    }
    return {**result, **changes}


def read_only() -> np.ndarray:
    array = np.zeros((8, 10, 3), np.uint8)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"logits": np.zeros((3, 2, 2))}, TypeError, "logits must be .*float32, got float64"),
        ({"logits": np.zeros((2, 2, 2), np.float32)}, ValueError, r"logits must be \[3, h, w\].*\(2, 2, 2\)"),
        ({"logits": np.zeros((3, 0, 2), np.float32)}, ValueError, "at least one pixel"),
        ({"logits": np.zeros((3, 2, 4), np.float32)[:, :, ::2]}, ValueError, "logits must be C-contiguous"),
        ({"alpha_raw": np.zeros((8, 10, 1), np.float32)}, ValueError, r"alpha_raw must be \[H, W\]"),
        ({"alpha_raw": np.zeros((8, 20), np.float32)[:, ::2]}, ValueError, "alpha_raw must have packed pixels"),
        ({"frame": np.zeros((8, 11, 3), np.uint8)}, ValueError, r"shape \(8, 10, 3\), got \(8, 11, 3\)"),
        ({"frame": np.zeros((8, 10, 4), np.uint8)[:, :, :3]}, ValueError, "frame must have packed pixels"),
        ({"background": np.zeros((8, 10, 3), np.int8)}, TypeError, "background must be .*uint8, got int8"),
        ({"background": None}, ValueError, "composite needs frame and background"),
        ({"composite": None}, ValueError, "at least one of composite, alpha, alpha8"),
        ({"composite": read_only()}, ValueError, "composite cannot be written"),
        ({"alpha": np.zeros((8, 10))}, TypeError, "alpha must be .*float32"),
        ({"alpha8": np.zeros((10, 8), np.uint8)}, ValueError, r"alpha8 must have shape \(8, 10\), got \(10, 8\)"),
        ({"path": "avx9"}, ValueError, "'avx9' cannot be used here; choose one of .*reference"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
        ({"frame": [1, 2]}, TypeError, "frame must be .*got list"),
    ],
)
def test_wrong_arguments_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        fuse_composite(**arrays(**changes))


def test_outputs_must_not_overlap_inputs_or_each_other():
    shared = np.zeros((8, 10, 3), np.uint8)
    with pytest.raises(ValueError, match="composite and frame must not share memory"):
        fuse_composite(**arrays(frame=shared, composite=shared))
    alpha = np.zeros((8, 10), np.float32)
    with pytest.raises(ValueError, match="alpha and alpha_raw must not share memory"):
        fuse_composite(**arrays(alpha_raw=alpha, alpha=alpha))


def test_halves_of_one_canvas_do_not_overlap(path):
    canvas = np.zeros((8, 20, 3), np.uint8)
    canvas[:, 10:] = 99
    fuse_composite(**arrays(background=canvas[:, 10:], composite=canvas[:, :10]), path=path)
    assert np.all(canvas[:, :10] == 66) and np.all(canvas[:, 10:] == 99)  # F_s = B_s = U_s = 1/3, frame and alpha_raw 0


def test_too_large_pictures_are_refused():
    wide = np.broadcast_to(np.zeros((1, 1), np.float32), (1, fuse.MAX_SIDE + 1)).copy()
    with pytest.raises(ValueError, match="at most 32767"):
        fuse_composite(np.zeros((3, 1, 1), np.float32), wide, alpha=np.empty_like(wide))
