"""prepare: all paths bit for bit, the exact area average in float64, and what the engine makes of it."""

from __future__ import annotations

import functools

import numpy as np
import oracle
import pytest
import torch
from conftest import NATIVE_PATHS
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Case, PlanarCase, cases, planar_cases, strided

from shm_stream import native, torch_ops_prepare
from shm_stream.colour import ColourTags
from shm_stream.planes import planes_from_rgb
from shm_stream.prepare import prepare, reduces
from shm_stream.prepare_reference import area_weights
from shm_stream.reduce import reduce_picture, reduce_to_rgb
from shm_stream.torch_ops_prepare import prepare_frame
from shm_stream.yuv_planes import YuvPlanes

frames = st.one_of(cases(kinds=("plain",), smallest=1), planar_cases(kinds=("plain",), smallest=1))
shares = st.tuples(*[st.floats(0.01, 1)] * 2)


def reduced_size(case: Case, share) -> tuple[int, int]:
    return tuple(max(1, round(side * part)) for side, part in zip((case.height, case.width), share, strict=True))


def exact_mean(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """[H, W] → [height, width] float64, by repeating pixels until both sizes divide."""
    repeated = np.repeat(np.repeat(plane.astype(np.float64), height, axis=0), width, axis=1)
    return repeated.reshape(height, plane.shape[0], width, plane.shape[1]).mean((1, 3))


def exact(frame, height: int, width: int) -> np.ndarray:
    """[height, width, 3] float64 RGB, 0 to 255."""
    if not isinstance(frame, YuvPlanes):
        return np.stack([exact_mean(frame[..., c], height, width) for c in range(3)], axis=-1)
    yuv = [exact_mean(plane, height, width) for plane in (frame.y, frame.u, frame.v)]
    return np.clip(oracle.rgb_of_yuv(*yuv, frame.tags.matrix, frame.tags.range == 2), 0, 255)


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
@settings(max_examples=150, deadline=None)
@given(case=frames, share=shares, block=st.tuples(st.integers(1, 9), st.integers(1, 40)))
def test_native_paths_agree_bit_for_bit(case, share, block):
    size = reduced_size(case, share)
    first = prepare(case.frame, *size, path=NATIVE_PATHS[0])
    for path in NATIVE_PATHS:
        for threads in (1, 3):
            out = strided((*size, 3), np.uint8, case.padding)
            assert prepare(case.frame, *size, out=out, path=path, block=block, threads=threads) is out
            assert out.tobytes() == first.tobytes(), path


@settings(max_examples=150, deadline=None)
@given(case=frames, share=shares)
def test_is_the_exact_average_rounded(case, share):
    size = reduced_size(case, share)
    expected = exact(case.frame, *size)
    for path in [*NATIVE_PATHS[:1], native.REFERENCE]:
        assert np.abs(prepare(case.frame, *size, path=path) - expected).max() <= 0.5 + 1e-3, path


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
@pytest.mark.parametrize("interleaved", [None, False, True])
@pytest.mark.parametrize("size", [(9, 41), (64, 73), (3, 8), (5, 300)])
def test_blocks_of_columns_and_their_rests(interleaved, size):
    """Output pixels that cover 2 to 76 columns, in rows of 608: kernels take up to 32 at a time."""
    shape, seed = (67, 608 - size[1] % 2), sum(size)
    frame = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    if interleaved is not None:
        frame = planes_from_rgb(frame, ColourTags())
        frame = YuvPlanes(frame.y, (np.dstack(frame.chroma),), frame.tags) if interleaved else frame
    first, *others = [prepare(frame, *size, path=path) for path in NATIVE_PATHS]
    assert np.abs(first - exact(frame, *size)).max() <= 0.5 + 1e-3
    assert all(other.tobytes() == first.tobytes() for other in others)


def test_more_rows_than_fit_sixteen_bits(path):
    """520 white rows to one: the sum is 132600."""
    frame = np.full((520, 3, 3), 255, np.uint8)
    frame[260:] = 55
    assert prepare(frame, 1, 3, path=path).tolist() == [[[155] * 3] * 3]


@settings(max_examples=30, deadline=None)
@given(case=frames)
def test_a_frame_of_that_size_is_itself(case):
    if isinstance(case, PlanarCase):
        return
    assert np.array_equal(prepare(case.frame, case.height, case.width), case.frame)


@pytest.mark.parametrize(("source", "size"), [(7, 3), (1080, 192), (5, 5), (3, 7)])
def test_weights_of_the_reference(source, size):
    weights = area_weights(source, size, dtype=torch.float64)
    assert torch.allclose(weights.sum(1), torch.ones(size, dtype=torch.float64))
    assert torch.allclose(weights.sum(0), torch.full((source,), size / source, dtype=torch.float64))


@pytest.mark.parametrize("planar", [False, True])
def test_t_net_sees_what_opencv_would_show_it(planar):
    """Where there is no kernel OpenCV averages: nearly the same picture. Small frames are always enlarged by it."""
    random = np.random.default_rng(0)
    scene = np.kron(random.integers(0, 256, (27, 48, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    picture = planes_from_rgb(scene, ColourTags()) if planar else scene
    made = reduce_to_rgb(picture, 96, 160)
    assert np.abs(made - reduce_picture(scene, 96, 160).astype(int)).mean() < 1.5
    assert reduce_to_rgb(picture, 600, 1000).shape == (600, 1000, 3)
    assert not reduces((540, 960), 600, 1000) and reduces((540, 960), 540, 960) and not reduces((540, 960), 0, 10)


@pytest.mark.parametrize(("frame", "size"), [((0, 5), (1, 1)), ((4, 4), (5, 4)), ((4, 4), (4, 5)), ((4, 4), (0, 4))])
def test_sizes_that_are_no_reduction_are_refused(frame, size):
    with pytest.raises(ValueError, match="cannot reduce"):
        prepare(np.zeros((*frame, 3), np.uint8), *size)


def test_the_output_may_not_be_the_frame():
    frame = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="must not share memory"):
        prepare(frame, 4, 8, out=frame[2:6])
    with pytest.raises(ValueError, match="kernel path 'abacus' cannot be used here"):
        prepare(frame, 4, 4, path="abacus")


def tensors(frame) -> list[torch.Tensor]:
    arrays = [frame.y, frame.u, frame.v] if isinstance(frame, YuvPlanes) else [frame]
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]


@pytest.mark.parametrize("kind", [Case, PlanarCase])
def test_the_torch_operator_and_the_launch_give_the_same(kind):
    case = kind(37, 53, 2, 2, seed=4, kind="plain", padding=0)
    tags = case.frame.tags if kind is PlanarCase else ColourTags()
    expected, frame, numbers = prepare(case.frame, 9, 20), tensors(case.frame), (tags.matrix, tags.range, 9, 20)
    assert np.array_equal(prepare_frame(frame, *numbers).numpy(), expected)
    torch.library.opcheck(torch.ops.shm_stream.prepare.default, (frame, *numbers))
    if native.load() is not None:
        launch = functools.partial(native.load().prepare_emulated, (8, 32))
        made = torch_ops_prepare.launch_prepare(launch, frame, tags, 9, 20)
        assert np.array_equal(made.numpy(), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("kind", [Case, PlanarCase])
def test_on_a_gpu_it_is_the_same(kind):
    case = kind(37, 53, 2, 2, seed=4, kind="plain", padding=0)
    tags = case.frame.tags if kind is PlanarCase else ColourTags()
    made = prepare_frame([tensor.cuda() for tensor in tensors(case.frame)], tags.matrix, tags.range, 9, 20)
    assert np.array_equal(made.cpu().numpy(), prepare(case.frame, 9, 20))
