"""The torch operators on planes: registration, what they compute, and what the CUDA kernels are handed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from conftest import NATIVE_PATHS

from shm_stream import fuse, native, torch_ops_planes
from shm_stream.colour import ColourTags
from shm_stream.torch_ops_planes import fuse_composite_planes, gather_planes
from shm_stream.yuv_planes import YuvPlanes

WINDOW = (-3, 5, 20, 60)
TAGS = ColourTags()


def inputs(device: str = "cpu", size=(37, 53)):
    """(logits, alpha_raw, frame, background) on a device; pictures are lists of Y, U, V."""
    generator = torch.Generator().manual_seed(0)
    sites = ((size[0] + 1) // 2, (size[1] + 1) // 2)

    def picture():
        planes = [
            torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for shape in (size, sites, sites)
        ]
        return [plane.to(device) for plane in planes]

    logits, alpha_raw = 4 * torch.randn(3, 5, 7, generator=generator), torch.rand(size, generator=generator)
    return logits.to(device), alpha_raw.to(device), picture(), picture()


def numpy_planes(planes, tags=TAGS) -> YuvPlanes:
    luma, *chroma = (plane.cpu().numpy() for plane in planes)
    return YuvPlanes(luma, tuple(chroma), tags)


def expected_fuse(path=None) -> list[np.ndarray]:
    logits, alpha_raw, frame, background = inputs()
    composite, alpha = numpy_planes([torch.empty_like(plane) for plane in frame]), np.empty((37, 53), np.float32)
    pictures = (numpy_planes(frame), numpy_planes(background))
    fuse.fuse_composite(logits.numpy(), alpha_raw.numpy(), *pictures, composite=composite, alpha=alpha, path=path)
    return [composite.y, composite.u, composite.v, alpha]


def expected_gather(tags=TAGS, path=None) -> np.ndarray:
    logits, _, frame, _ = inputs()
    return fuse.gather(numpy_planes(frame, tags), logits.numpy(), *WINDOW, path=path)


def test_they_are_the_numpy_ones():
    logits, alpha_raw, frame, background = inputs()
    outputs = fuse_composite_planes(logits, alpha_raw, frame, background)
    for made, expected in zip(outputs, expected_fuse(), strict=True):
        np.testing.assert_array_equal(made.numpy(), expected)
    np.testing.assert_array_equal(gather_planes(frame, 9, 2, logits, *WINDOW), expected_gather(ColourTags(9, 2)))


def test_opcheck():
    logits, alpha_raw, frame, background = inputs()
    operators = torch.ops.shm_stream
    torch.library.opcheck(operators.fuse_composite_planes.default, (logits, alpha_raw, frame, background))
    torch.library.opcheck(operators.gather_planes.default, (frame, 1, 1, logits, *WINDOW))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[:2], "frame must be three tensors Y, U, V, got 2"),
        (lambda frame: [frame[0], frame[1][1:], frame[2]], r"U of frame must have shape \(19, 27\), got \(18, 27\)"),
        (lambda frame: [frame[0], frame[1], frame[2].float()], "V of frame must be torch.uint8, got torch.float32"),
    ],
)
def test_wrong_tensors_are_named(change, message):
    logits, alpha_raw, frame, background = inputs()
    with pytest.raises((TypeError, ValueError), match=message):
        fuse_composite_planes(logits, alpha_raw, change(frame), background)
    with pytest.raises((TypeError, ValueError), match=message):
        gather_planes(change(frame), 1, 1, logits, *WINDOW)


@pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")
def test_cuda_launch_arguments():
    """The launch code with the emulated kernels in place of the CUDA ones: same arguments, same order."""
    logits, alpha_raw, frame, background = inputs()
    emulated = functools.partial(native.load().fuse_emulated, fuse.CUDA_BLOCK)
    made = torch_ops_planes.launch_fuse_planes(emulated, logits, alpha_raw, frame, background)
    for ours, expected in zip(made, expected_fuse(NATIVE_PATHS[0]), strict=True):
        np.testing.assert_array_equal(ours.numpy(), expected)
    emulated, tags = functools.partial(native.load().gather_emulated, fuse.CUDA_BLOCK), ColourTags(6, 1)
    made = torch_ops_planes.launch_gather_planes(emulated, frame, tags, logits, *WINDOW)
    np.testing.assert_array_equal(made.numpy(), expected_gather(tags, NATIVE_PATHS[0]))


@pytest.mark.needs_cuda
def test_on_a_gpu_they_are_the_numpy_ones():
    logits, alpha_raw, frame, background = inputs("cuda")
    outputs = fuse_composite_planes(logits, alpha_raw, frame, background)
    for made, expected in zip(outputs, expected_fuse(), strict=True):
        np.testing.assert_allclose(made.cpu().numpy(), expected, rtol=0, atol=1 if expected.dtype == np.uint8 else 1e-6)
    made = gather_planes(frame, 1, 1, logits, *WINDOW).cpu()
    np.testing.assert_allclose(made.numpy(), expected_gather(), rtol=0, atol=1e-6)
