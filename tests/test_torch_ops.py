"""The torch operators: registration, gradients, compilation, and what the CUDA kernels are handed."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import NATIVE_PATHS

from shm_stream import fuse, fuse_reference, native, torch_ops

needs_native = pytest.mark.skipif(not NATIVE_PATHS, reason="built without native code")


def inputs(device: str = "cpu", size=(37, 53), seed: int = 0):
    """(logits, alpha_raw, frame, background) on a device."""
    generator = torch.Generator().manual_seed(seed)
    pictures = [torch.randint(0, 256, (*size, 3), dtype=torch.uint8, generator=generator) for _ in range(2)]
    logits = 4 * torch.randn(3, 5, 7, generator=generator)
    return tuple(tensor.to(device) for tensor in (logits, torch.rand(size, generator=generator), *pictures))


def numpy_fuse(logits, alpha_raw, frame, background, path=None):
    composite, alpha = np.empty(frame.shape, np.uint8), np.empty(alpha_raw.shape, np.float32)
    arrays = [tensor.cpu().numpy() for tensor in (logits, alpha_raw, frame, background)]
    fuse.fuse_composite(*arrays, composite=composite, alpha=alpha, path=path)
    return composite, alpha


def test_fuse_composite_is_the_numpy_one():
    args = inputs()
    for result, expected in zip(torch_ops.fuse_composite(*args), numpy_fuse(*args), strict=True):
        np.testing.assert_array_equal(result.numpy(), expected)


def test_gather_is_the_numpy_one():
    logits, _, frame, _ = inputs()
    expected = fuse.gather(frame.numpy(), logits.numpy(), -3, 4, 20, 60)
    np.testing.assert_array_equal(torch_ops.gather(frame, logits, -3, 4, 20, 60).numpy(), expected)


def test_views_are_accepted():
    logits, alpha_raw, frame, background = inputs()
    view = frame.permute(1, 0, 2).contiguous().permute(1, 0, 2)
    for result, expected in zip(
        torch_ops.fuse_composite(logits, alpha_raw, view, background), numpy_fuse(*inputs()), strict=True
    ):
        np.testing.assert_array_equal(result.numpy(), expected)


def test_opcheck():
    logits, alpha_raw, frame, background = inputs()
    torch.library.opcheck(torch.ops.shm_stream.fuse_composite.default, (logits, alpha_raw, frame, background))
    torch.library.opcheck(torch.ops.shm_stream.gather.default, (frame, logits, -2, 3, 10, 70))
    # opcheck adds up all outputs and cannot add a float to the uint8 sum, so its AOT test is done below
    differentiable = (logits.requires_grad_(), alpha_raw.requires_grad_(), frame, background)
    kinds = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.shm_stream.fuse_composite.default, differentiable, test_utils=kinds)


def gradients(function, logits, alpha_raw):
    leaves = logits.clone().requires_grad_(), alpha_raw.clone().requires_grad_()
    weights = torch.linspace(-1, 1, alpha_raw.numel()).reshape(alpha_raw.shape)
    return torch.autograd.grad((function(*leaves) * weights).sum(), leaves)


def test_gradients_equal_the_reference():
    logits, alpha_raw, frame, background = inputs()
    alpha_raw[0, 0], alpha_raw[1, 1], logits[0, 0, 0] = 2.0, float("nan"), float("nan")
    expected = gradients(fuse_reference.fuse_alpha, logits, alpha_raw)
    result = gradients(lambda *leaves: torch_ops.fuse_composite(*leaves, frame, background)[1], logits, alpha_raw)
    for ours, theirs in zip(result, expected, strict=True):
        assert torch.isfinite(ours).all()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_reference_gradients_are_right_in_float64():
    logits, alpha_raw, _, _ = inputs(size=(6, 5))
    logits, alpha_raw = logits[:, :2, :3].double().requires_grad_(), alpha_raw.double().requires_grad_()
    assert torch.autograd.gradcheck(fuse_reference.fuse_alpha, (logits, alpha_raw))


def test_composite_is_not_differentiable():
    logits, alpha_raw, frame, background = inputs()
    composite, alpha = torch_ops.fuse_composite(logits.requires_grad_(), alpha_raw, frame, background)
    assert not composite.requires_grad and alpha.requires_grad


def test_compiles_as_one_graph():
    logits, alpha_raw, frame, background = inputs()

    def doubled(*leaves):
        return torch.ops.shm_stream.fuse_composite(*leaves, frame, background)[1] * 2

    compiled = torch.compile(doubled, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(logits, alpha_raw), doubled(logits, alpha_raw))
    for ours, theirs in zip(gradients(compiled, logits, alpha_raw), gradients(doubled, logits, alpha_raw), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_meta_tensors_give_shapes_only():
    composite, alpha = torch.ops.shm_stream.fuse_composite(*(tensor.to("meta") for tensor in inputs()))
    assert composite.shape == (37, 53, 3) and composite.dtype == torch.uint8
    assert alpha.shape == (37, 53) and alpha.dtype == torch.float32


@pytest.mark.parametrize(
    ("index", "change", "error", "message"),
    [
        (0, lambda t: t.double(), TypeError, "logits must be torch.float32"),
        (0, lambda t: t[:2], ValueError, r"logits must be \[3, h, w\]"),
        (1, lambda t: t[None], ValueError, r"alpha_raw must be \[H, W\]"),
        (2, lambda t: t[1:], ValueError, r"frame must have shape \(37, 53, 3\), got \(36, 53, 3\)"),
        (3, lambda t: t.float(), TypeError, "background must be torch.uint8"),
    ],
)
def test_wrong_tensors_are_named(index, change, error, message):
    args = list(inputs())
    args[index] = change(args[index])
    with pytest.raises(error, match=message):
        torch_ops.fuse_composite(*args)


@needs_native
def test_cuda_launch_arguments():
    """The launch code with the emulated kernels in place of the CUDA ones: same arguments, same order."""
    args = inputs()
    module = native.load()
    emulated = functools.partial(module.fuse_emulated, fuse.CUDA_BLOCK)
    expectations = numpy_fuse(*args, path=NATIVE_PATHS[0])
    for result, expected in zip(torch_ops.launch_fuse(emulated, *args), expectations, strict=True):
        np.testing.assert_array_equal(result.numpy(), expected)
    logits, _, frame, _ = args
    emulated = functools.partial(module.gather_emulated, fuse.CUDA_BLOCK)
    window = (-3, 4, 20, 60)
    np.testing.assert_array_equal(
        torch_ops.launch_gather(emulated, frame, logits, *window).numpy(),
        fuse.gather(frame.numpy(), logits.numpy(), *window, path=NATIVE_PATHS[0]),
    )


@needs_native
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_is_said():
    torch_ops.cuda_path.cache_clear()
    with pytest.warns(UserWarning, match="CUDA tensors use the slower PyTorch reference"):
        assert torch_ops.cuda_path() == torch_ops.CUDA_REFERENCE
    if hasattr(native.load(), "fuse_cuda"):
        with pytest.raises(RuntimeError, match="CUDA: "):
            native.load().fuse_cuda(0, 0, 0, (1, 1), (1, 1), (0, 0), *[((0, 0), (0, 0), (0, 0), 0)] * 3, (0, 0), (0, 0))


def test_the_first_call_does_not_import_the_compiler():
    """As operators made by `torch.library.custom_op` do, for seconds."""
    code = (
        "import sys, torch; from shm_stream import torch_ops, torch_ops_planes, torch_ops_prepare as p\n"
        "frame = torch.zeros(8, 8, 3, dtype=torch.uint8); logits = torch.zeros(3, 4, 4)\n"
        "torch_ops.gather(frame, logits, 0, 0, 8, 8); p.prepare_frame([frame], 0, 0, 4, 4)\n"
        "torch_ops.fuse_composite(logits.requires_grad_(), torch.zeros(8, 8), frame, frame)[1].sum().backward()\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.needs_cuda
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (1080, 1920)])
def test_cuda_equals_the_cpu_bit_for_bit(size):
    assert torch_ops.cuda_path() == torch_ops.CUDA_KERNELS
    args = inputs("cuda", size)
    with torch.cuda.stream(torch.cuda.Stream()):
        results = torch_ops.fuse_composite(*args)
        gathered = torch_ops.gather(args[2], args[0], -8, -8, size[0] + 16, size[1] + 16)
        torch.cuda.current_stream().synchronize()
    for result, expected in zip(results, numpy_fuse(*args, path=NATIVE_PATHS[0]), strict=True):
        np.testing.assert_array_equal(result.cpu().numpy(), expected)
    frame, logits = args[2].cpu().numpy(), args[0].cpu().numpy()
    expected = fuse.gather(frame, logits, -8, -8, size[0] + 16, size[1] + 16, path=NATIVE_PATHS[0])
    np.testing.assert_array_equal(gathered.cpu().numpy(), expected)


@pytest.mark.needs_cuda
def test_cuda_gradients_equal_the_reference():
    logits, alpha_raw, frame, background = inputs("cuda")
    leaves = logits.requires_grad_(), alpha_raw.requires_grad_()
    ours = torch.autograd.grad(torch_ops.fuse_composite(*leaves, frame, background)[1].sum(), leaves)
    theirs = torch.autograd.grad(fuse_reference.fuse_alpha(*leaves).sum(), leaves)
    for result, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(result, expected)


@pytest.mark.needs_cuda
def test_cuda_tensors_must_be_on_one_device():
    logits, alpha_raw, frame, background = inputs("cuda")
    with pytest.raises((ValueError, RuntimeError), match=r"is on cpu|devices"):
        torch_ops.fuse_composite(logits, alpha_raw, frame.cpu(), background)
