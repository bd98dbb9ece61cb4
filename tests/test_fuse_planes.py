"""fuse_composite on 4:2:0 planes: all paths bit for bit, and the same picture as compositing in RGB."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
from conftest import NATIVE_PATHS
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import PlanarCase, arrays_of, cases, planar_cases

from shm_stream.colour import ColourTags
from shm_stream.fuse import fuse_composite
from shm_stream.yuv_planes import YuvPlanes

needs_native = pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
blocks = st.tuples(st.integers(1, 9), st.integers(1, 40))


def run(case, wanted=("composite", "alpha", "alpha8"), **options) -> dict:
    outputs = {name: output for name, output in case.outputs().items() if name in wanted}
    fuse_composite(case.logits, case.alpha_raw, case.frame, case.background, **outputs, **options)
    return outputs


def same_bytes(one: dict, other: dict) -> bool:
    return all(a.tobytes() == b.tobytes() for name in one for a, b in zip(*(arrays_of(d[name]) for d in (one, other))))


@needs_native
@settings(max_examples=150, deadline=None)
@given(case=planar_cases(), block=blocks, threads=st.integers(1, 3))
def test_native_paths_agree_bit_for_bit(case, block, threads):
    expected = run(case, path=NATIVE_PATHS[0])
    for path in NATIVE_PATHS:
        assert same_bytes(expected, run(case, path=path, block=block, threads=threads)), path


@needs_native
@settings(max_examples=150, deadline=None)
@given(case=st.one_of(planar_cases(), cases()), threads=st.integers(1, 3))
def test_blocks_that_are_not_computed_change_nothing(case, threads):
    """Without a float alpha to write, the CPU paths skip blocks that are certain in 8 bits."""
    complete = run(case, path=NATIVE_PATHS[0])
    for path in NATIVE_PATHS:
        eight_bits = run(case, ("composite", "alpha8"), path=path, threads=threads)
        assert same_bytes(eight_bits, complete), path


@needs_native
@settings(max_examples=100, deadline=None)
@given(case=planar_cases(smallest=1))
def test_equals_compositing_in_rgb(case):
    check_against_rgb(case, run(case, path=NATIVE_PATHS[0])["composite"])


@settings(max_examples=30, deadline=None)
@given(case=planar_cases(kinds=("plain", "regions"), smallest=1))
def test_reference_equals_compositing_in_rgb(case):
    check_against_rgb(case, run(case, path="reference")["composite"])


def check_against_rgb(case: PlanarCase, composite) -> None:
    """Where a site has one alpha, its mean is exact; elsewhere luma still is. Rounding, and alpha that is snapped."""
    colours = {"matrix": case.matrix, "full": case.full}
    pictures = [oracle.rgb_of_planes(p.y, p.u, p.v, **colours, smooth=False) for p in (case.frame, case.background)]
    _, rgb = oracle.fuse(case.logits, case.alpha_raw, *pictures)
    for plane, expected in zip((composite.y, composite.u, composite.v), oracle.planes_of_rgb(rgb, **colours)):
        assert np.abs(plane - expected).max() < 1


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("size", [(36, 54), (37, 53), (1, 1), (1, 40), (40, 1)])
def test_opaque_gives_the_frame_and_transparent_the_background(path, size, interleaved):
    case = PlanarCase(*size, 5, 7, seed=2, kind="plain", padding=3, interleaved=(interleaved, interleaved))
    for channel, expected in ((0, case.frame), (1, case.background)):
        for lead in (200, 7.5):
            case.logits[...] = 0
            case.logits[channel] = lead
            for wanted in (("composite",), ("composite", "alpha")):
                composite = run(case, wanted, path=path)["composite"]
                for made, original in ((composite.y, expected.y), (composite.u, expected.u), (composite.v, expected.v)):
                    np.testing.assert_array_equal(made, original)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_empty_pictures(path, size):
    assert run(PlanarCase(*size, 2, 3, seed=6, kind="plain", padding=0), path=path)["composite"].size == size


@needs_native
@settings(max_examples=40, deadline=None)
@given(case=planar_cases(smallest=1))
def test_nothing_is_written_beside_the_outputs(case):
    case.padding = 5
    for path in NATIVE_PATHS:
        for array in arrays_of(run(case, path=path, threads=2)["composite"]):
            rows = np.lib.stride_tricks.as_strided(array, (array.shape[0], array.strides[0]), (array.strides[0], 1))
            assert np.all(rows[:, array.shape[1] :] == 7)


def planes(**changes) -> YuvPlanes:
    """8 x 10 pixels."""
    luma, u, v = np.zeros((8, 10), np.uint8), np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8)
    return replace(YuvPlanes(luma, (u, v), ColourTags()), **changes)


SHARED = planes()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"frame": planes(y=np.zeros((9, 10), np.uint8))}, ValueError, r"frame.y must have shape \(8, 10\), got \(9"),
        ({"frame": planes(chroma=(SHARED.u, SHARED.y))}, ValueError, r"frame.chroma\[1\] must have shape \(4, 5\)"),
        ({"background": planes(chroma=(SHARED.u.view(np.int8), SHARED.v))}, TypeError, r"d.chroma\[0\] .*int8"),
        ({"composite": planes(chroma=(np.zeros((4, 5, 2), np.uint8),))}, ValueError, "U and V in planes of their own"),
        ({"background": np.zeros((8, 10, 3), np.uint8)}, ValueError, "must be all RGB or all YuvPlanes"),
        ({"background": planes(tags=ColourTags(1, 2))}, ValueError, "must have one colour matrix and range"),
        (
            {"frame": SHARED, "composite": planes(chroma=(planes().u, SHARED.v))},
            ValueError,
            r"composite.chroma\[1\] and frame.chroma\[1\] must not share memory",
        ),
    ],
)
def test_wrong_planes_are_named(changes, error, message):
    arguments = {"frame": planes(), "background": planes(), "composite": planes()} | changes
    with pytest.raises(error, match=message):
        fuse_composite(np.zeros((3, 2, 2), np.float32), np.zeros((8, 10), np.float32), **arguments)
