"""gather: M-Net's input for windows inside, across and outside the frame."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from conftest import NATIVE_PATHS
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Case, cases

from shm_stream.fuse import gather

windows = st.tuples(st.integers(-90, 90), st.integers(-90, 90), st.integers(0, 60), st.integers(0, 60))


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
@settings(max_examples=150, deadline=None)
@given(case=cases(smallest=1), window=windows, block=st.tuples(st.integers(1, 9), st.integers(1, 40)))
def test_native_paths_agree_bit_for_bit(case, window, block):
    expected = gather(case.frame, case.logits, *window, path=NATIVE_PATHS[0])
    for path in NATIVE_PATHS:
        for threads in (1, 3):
            result = gather(case.frame, case.logits, *window, path=path, block=block, threads=threads)
            assert result.tobytes() == expected.tobytes(), path


@settings(max_examples=100, deadline=None)
@given(case=cases(smallest=1), window=windows)
def test_equals_float64(case, window):
    expected = oracle.gather(case.frame, case.logits, *window)
    tolerance = 5e-4 if case.kind in ("extreme", "nonfinite") else 2e-5
    np.testing.assert_allclose(gather(case.frame, case.logits, *window), expected, rtol=0, atol=tolerance)


@settings(max_examples=30, deadline=None)
@given(case=cases(kinds=("plain",), smallest=1), window=windows)
def test_reference_equals_float64(case, window):
    result = gather(case.frame, case.logits, *window, path="reference")
    np.testing.assert_allclose(result, oracle.gather(case.frame, case.logits, *window), rtol=0, atol=1e-4)


def test_window_is_a_crop_of_the_padded_frame(path):
    """Tiles cut from one frame fit together: a window equals the same part of a larger window, bit for bit."""
    case = Case(31, 45, 4, 6, seed=1, kind="plain", padding=3)
    whole = gather(case.frame, case.logits, -8, -8, 31 + 16, 45 + 16, path=path)
    part = gather(case.frame, case.logits, -3, 20, 30, 29, path=path)
    np.testing.assert_array_equal(part, whole[:, 5 : 5 + 30, 28 : 28 + 29])


def test_channels_are_colours_then_trimap(path):
    frame = np.zeros((4, 6, 3), np.uint8)
    frame[...] = (255, 51, 0)
    logits = np.zeros((3, 2, 2), np.float32)
    logits[2] = 300
    planes = gather(frame, logits, -1, -1, 6, 8, path=path)
    expected = [1, 0.2, 0, 0, 0, 1]
    np.testing.assert_allclose(planes, np.broadcast_to(np.reshape(expected, (6, 1, 1)), (6, 6, 8)), atol=1e-7)


@pytest.mark.parametrize("corner", [(-500, -500), (-500, 500), (500, -500), (500, 500)])
def test_window_far_outside_repeats_the_corner_pixel(path, corner):
    case = Case(9, 11, 3, 3, seed=2, kind="plain", padding=0)
    planes = gather(case.frame, case.logits, *corner, 5, 7, path=path)
    pixel = case.frame[0 if corner[0] < 0 else -1, 0 if corner[1] < 0 else -1]
    np.testing.assert_allclose(planes[:3], np.broadcast_to(pixel.reshape(3, 1, 1) / 255, (3, 5, 7)), atol=1e-7)
    assert np.ptp(planes, axis=(1, 2)).max() == 0


def test_probabilities_add_up_to_one(path):
    case = Case(40, 30, 5, 5, seed=3, kind="certain", padding=0)
    planes = gather(case.frame, case.logits, -4, -4, 48, 38, path=path)
    np.testing.assert_allclose(planes[3:].sum(axis=0), 1, atol=1e-6)


def test_out_is_written_and_returned(path):
    case = Case(10, 12, 3, 3, seed=4, kind="plain", padding=0)
    out = np.full((6, 4, 5), np.nan, np.float32)
    assert gather(case.frame, case.logits, 1, 2, 4, 5, out=out, path=path) is out
    np.testing.assert_array_equal(out, gather(case.frame, case.logits, 1, 2, 4, 5, path=path))


@pytest.mark.parametrize("size", [(0, 0), (0, 4), (4, 0)])
def test_empty_window(path, size):
    case = Case(5, 5, 2, 2, seed=5, kind="plain", padding=0)
    assert gather(case.frame, case.logits, 0, 0, *size, path=path).shape == (6, *size)


FRAME = np.zeros((5, 6, 3), np.uint8)
LOGITS = np.zeros((3, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ((FRAME[:0], LOGITS, 0, 0, 2, 2), ValueError, "frame must be .* at least one pixel"),
        ((FRAME.astype(np.float32), LOGITS, 0, 0, 2, 2), TypeError, "frame must be .*uint8, got float32"),
        ((FRAME, LOGITS[:2], 0, 0, 2, 2), ValueError, r"logits must be \[3, h, w\]"),
        ((FRAME, LOGITS.astype(np.float64), 0, 0, 2, 2), TypeError, "logits must be .*float32"),
        ((FRAME, LOGITS, 0, 0, -1, 2), ValueError, "height=-1"),
        ((FRAME, LOGITS, 40000, 0, 1, 2), ValueError, "top=40000"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        gather(*call)


def test_wrong_out_is_named():
    with pytest.raises(ValueError, match=r"out must have shape \(6, 2, 3\), got \(6, 3, 2\)"):
        gather(FRAME, LOGITS, 0, 0, 2, 3, out=np.empty((6, 3, 2), np.float32))
    with pytest.raises(ValueError, match="out must be C-contiguous"):
        gather(FRAME, LOGITS, 0, 0, 2, 3, out=np.empty((6, 2, 6), np.float32)[:, :, ::2])
