"""gather on 4:2:0 planes: all paths bit for bit, float64, and the same input as M-Net gets from RGB frames."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from av.video.reformatter import VideoReformatter
from conftest import NATIVE_PATHS
from hypothesis import given, settings
from hypothesis import strategies as st
from media import palette_picture, yuv_frame
from pictures import PlanarCase, planar_cases

from shm_stream.colour import ColourTags
from shm_stream.fuse import gather
from shm_stream.planes import frame_to_rgb, planes_of
from shm_stream.yuv_planes import YuvPlanes

windows = st.tuples(st.integers(-90, 90), st.integers(-90, 90), st.integers(0, 60), st.integers(0, 60))


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
@settings(max_examples=150, deadline=None)
@given(case=planar_cases(smallest=1), window=windows, block=st.tuples(st.integers(1, 9), st.integers(1, 40)))
def test_native_paths_agree_bit_for_bit(case, window, block):
    first = gather(case.frame, case.logits, *window, path=NATIVE_PATHS[0])
    for path in NATIVE_PATHS:
        for threads in (1, 3):
            result = gather(case.frame, case.logits, *window, path=path, block=block, threads=threads)
            assert result.tobytes() == first.tobytes(), path


@settings(max_examples=100, deadline=None)
@given(case=planar_cases(smallest=1), window=windows)
def test_equals_float64(case, window):
    tolerance = 5e-4 if case.kind in ("extreme", "nonfinite") else 2e-5
    np.testing.assert_allclose(gather(case.frame, case.logits, *window), expected(case, window), rtol=0, atol=tolerance)


@settings(max_examples=30, deadline=None)
@given(case=planar_cases(kinds=("plain",), smallest=1), window=windows)
def test_reference_equals_float64(case, window):
    result = gather(case.frame, case.logits, *window, path="reference")
    np.testing.assert_allclose(result, expected(case, window), rtol=0, atol=1e-4)


def expected(case: PlanarCase, window) -> np.ndarray:
    colours = {"matrix": case.matrix, "full": case.full, "smooth": True}
    rgb = oracle.rgb_of_planes(case.frame.y, case.frame.u, case.frame.v, **colours)
    return oracle.gather(np.clip(rgb, 0, 255), case.logits, *window)


def test_window_is_a_crop_of_the_padded_frame(path):
    """Tiles cut from one frame fit together, whether they begin in the middle of a site or not."""
    case = PlanarCase(31, 45, 4, 6, seed=1, kind="plain", padding=3)
    whole = gather(case.frame, case.logits, -8, -8, 31 + 16, 45 + 16, path=path)
    for top, left in ((-3, 20), (-2, 21), (5, 4), (6, 7)):
        part = gather(case.frame, case.logits, top, left, 30, 29, path=path)
        np.testing.assert_array_equal(part, whole[:, top + 8 : top + 38, left + 8 : left + 37][:, :30, :29])


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12"])
@pytest.mark.parametrize(("matrix", "full"), [(1, False), (6, False), (9, True)])
@pytest.mark.parametrize("size", [(96, 64), (95, 63)])
def test_is_what_the_rgb_frame_gives(pix_fmt, matrix, full, size):
    """Within the rounding of chroma (which blue weighs by up to 2.2) and of RGB to 8 bits, and without a drift."""
    picture = palette_picture(*size) // 2 + np.random.default_rng(0).integers(0, 60, (*size[::-1], 3), np.uint8)
    frame = yuv_frame(picture, "yuv420p", matrix, full)
    if pix_fmt == "nv12":
        frame = frame.reformat(format="nv12")
    tags = ColourTags(matrix, 2 if full else 1)
    logits = np.zeros((3, 2, 2), np.float32)
    from_rgb = gather(frame_to_rgb(frame, tags, VideoReformatter()), logits, -4, -4, 70, 100)
    difference = 255 * (gather(planes_of(frame, tags), logits, -4, -4, 70, 100) - from_rgb)
    assert np.abs(difference).max() < 2 and np.abs(difference[:3]).mean() < 0.5
    assert np.abs(difference[:3].mean((1, 2))).max() < 0.25 and not difference[3:].any()


def test_frame_without_pixels_is_refused():
    empty = np.zeros((0, 4), np.uint8)
    with pytest.raises(ValueError, match=r"frame must be \[H, W\] with at least one pixel"):
        frame = YuvPlanes(empty, (empty[:, :2], empty[:, :2]), ColourTags())
        gather(frame, np.zeros((3, 1, 1), np.float32), 0, 0, 1, 1)
