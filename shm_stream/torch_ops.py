"""The operations of `fuse` on torch tensors, as `torch.ops.shm_stream.fuse_composite` and `.gather`.

On CPU tensors they run the native CPU path, on CUDA tensors the native CUDA kernels on the current stream. A build
without CUDA code, or a driver it cannot use, leaves CUDA tensors to the PyTorch reference; `cuda_path` says which.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from . import fuse, fuse_reference, native
from .fuse_arguments import ABSENT, matrix_numbers
from .torch_operator import operator

CUDA_KERNELS = "cuda"
CUDA_REFERENCE = "cuda-reference"


@functools.cache
def cuda_path() -> str:
    """What runs for CUDA tensors: "cuda" (native kernels) or, with a warning, "cuda-reference" (PyTorch)."""
    module = native.load()
    if module is None or not hasattr(module, "cuda_devices"):
        warnings.warn("this build has no CUDA kernels; CUDA tensors use the slower PyTorch reference", stacklevel=2)
        return CUDA_REFERENCE
    count, why = module.cuda_devices()
    if not count:
        warnings.warn(f"CUDA kernels cannot run ({why}); CUDA tensors use the slower PyTorch reference", stacklevel=2)
        return CUDA_REFERENCE
    return CUDA_KERNELS


@operator("fuse_composite(Tensor logits, Tensor alpha_raw, Tensor frame, Tensor background) -> (Tensor, Tensor)")
def fuse_composite(logits: Tensor, alpha_raw: Tensor, frame: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """(composite [H, W, 3] uint8, alpha [H, W] float32) of logits [3, h, w] float32, alpha_raw [H, W] float32 and
    frame, background [H, W, 3] uint8. Only alpha is differentiable, with respect to logits and alpha_raw."""
    _check_fuse(logits, alpha_raw, frame, background)
    composite, alpha = _fuse_outputs(alpha_raw)
    fuse.fuse_composite(
        logits.detach().contiguous().numpy(),
        alpha_raw.detach().contiguous().numpy(),
        frame.contiguous().numpy(),
        background.contiguous().numpy(),
        composite=composite.numpy(),
        alpha=alpha.numpy(),
    )
    return composite, alpha


@fuse_composite.cuda
def _fuse_composite_cuda(logits: Tensor, alpha_raw: Tensor, frame: Tensor, background: Tensor):
    _check_fuse(logits, alpha_raw, frame, background)
    if cuda_path() == CUDA_REFERENCE:
        alpha = fuse_reference.fuse_alpha(logits, alpha_raw)
        return fuse_reference.composite_over(alpha, frame, background), alpha
    return launch_fuse(on_stream(native.load().fuse_cuda, logits), logits, alpha_raw, frame, background)


def launch_fuse(launch: Callable, logits: Tensor, alpha_raw: Tensor, frame: Tensor, background: Tensor):
    """Allocate the outputs and call `launch` with the kernel's arguments from `logits` on."""
    logits, alpha_raw, frame, background = (t.contiguous() for t in (logits, alpha_raw, frame, background))
    composite, alpha = _fuse_outputs(alpha_raw)
    pictures = [_rgb(tensor) for tensor in (frame, background, composite)]
    sizes = (tuple(logits.shape[1:]), tuple(alpha_raw.shape))
    launch(logits.data_ptr(), *sizes, plane_of(alpha_raw), *pictures, plane_of(alpha), ABSENT)
    return composite, alpha


@fuse_composite.fake
def _fuse_composite_fake(logits: Tensor, alpha_raw: Tensor, frame: Tensor, background: Tensor):
    return _fuse_outputs(alpha_raw)


def _save_inputs(ctx, inputs, output) -> None:
    ctx.save_for_backward(inputs[0], inputs[1])


def _backward(ctx, _grad_composite, grad_alpha):
    """Differentiates the reference: training needs the gradient of alpha only."""
    if grad_alpha is None:
        return None, None, None, None
    with torch.enable_grad():
        logits, alpha_raw = (tensor.detach().requires_grad_() for tensor in ctx.saved_tensors)
        alpha = fuse_reference.fuse_alpha(logits, alpha_raw)
        gradients = torch.autograd.grad(alpha, (logits, alpha_raw), grad_alpha)
    return *gradients, None, None


fuse_composite.gradient(_backward, _save_inputs)


@operator("gather(Tensor frame, Tensor logits, SymInt top, SymInt left, SymInt height, SymInt width) -> Tensor")
def gather(frame: Tensor, logits: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """M-Net's input [6, height, width] float32 of frame [H, W, 3] uint8 and logits [3, h, w] float32."""
    _check_gather(frame, logits, height, width)
    out = _gather_output(logits, height, width)
    fuse.gather(
        frame.contiguous().numpy(), logits.detach().contiguous().numpy(), top, left, height, width, out=out.numpy()
    )
    return out


@gather.cuda
def _gather_cuda(frame: Tensor, logits: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    _check_gather(frame, logits, height, width)
    if cuda_path() == CUDA_REFERENCE:
        return fuse_reference.gather_window(frame, logits, top, left, height, width)
    return launch_gather(on_stream(native.load().gather_cuda, logits), frame, logits, top, left, height, width)


def launch_gather(launch: Callable, frame: Tensor, logits: Tensor, top: int, left: int, height: int, width: int):
    """Allocate the output and call `launch` with the kernel's arguments from `logits` on."""
    frame, logits = frame.contiguous(), logits.contiguous()
    out = _gather_output(logits, height, width)
    sizes = (tuple(frame.shape[:2]), (top, left), (height, width))
    launch(logits.data_ptr(), tuple(logits.shape[1:]), _rgb(frame), *sizes, out.data_ptr(), matrix_numbers(None))
    return out


@gather.fake
def _gather_fake(frame: Tensor, logits: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    return _gather_output(logits, height, width)


def _fuse_outputs(alpha_raw: Tensor) -> tuple[Tensor, Tensor]:
    height, width = alpha_raw.shape
    return alpha_raw.new_empty((height, width, 3), dtype=torch.uint8), alpha_raw.new_empty((height, width))


def _gather_output(logits: Tensor, height: int, width: int) -> Tensor:
    return logits.new_empty((6, height, width))


def on_stream(kernel: Callable, tensor: Tensor) -> Callable:
    """The kernel on the tensor's device and on PyTorch's current stream there."""
    return functools.partial(kernel, tensor.device.index, torch.cuda.current_stream(tensor.device).cuda_stream)


def plane_of(tensor: Tensor) -> tuple[int, int]:
    """(address, bytes between rows) of a tensor whose first dimension is rows."""
    return tensor.data_ptr(), tensor.stride(0) * tensor.element_size()


def _rgb(tensor: Tensor) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]:
    """A picture without chroma planes."""
    return plane_of(tensor), ABSENT, ABSENT, 0


def _check_fuse(logits: Tensor, alpha_raw: Tensor, frame: Tensor, background: Tensor) -> None:
    check_alphas(logits, alpha_raw)
    check_tensor("frame", frame, torch.uint8, (*alpha_raw.shape, 3), alpha_raw.device)
    check_tensor("background", background, torch.uint8, (*alpha_raw.shape, 3), alpha_raw.device)


def _check_gather(frame: Tensor, logits: Tensor, height: int, width: int) -> None:
    if frame.ndim != 3 or 0 in frame.shape:
        raise ValueError(f"frame must be [H, W, 3] with at least one pixel, got {tuple(frame.shape)}")
    check_tensor("frame", frame, torch.uint8, (*frame.shape[:2], 3), logits.device)
    check_logits(logits, frame.device, frame.shape[:2])
    check_window(height, width)


def check_alphas(logits: Tensor, alpha_raw: Tensor) -> None:
    """Raises TypeError or ValueError for what `fuse_composite` cannot take as logits and alpha_raw."""
    if alpha_raw.ndim != 2:
        raise ValueError(f"alpha_raw must be [H, W], got {tuple(alpha_raw.shape)}")
    check_tensor("alpha_raw", alpha_raw, torch.float32, alpha_raw.shape, alpha_raw.device)
    check_logits(logits, alpha_raw.device, alpha_raw.shape)


def check_window(height: int, width: int) -> None:
    if not (0 <= height <= fuse.MAX_SIDE and 0 <= width <= fuse.MAX_SIDE):
        raise ValueError(f"the window ({height=}, {width=}) is out of range (0..{fuse.MAX_SIDE})")


def check_logits(logits: Tensor, device: torch.device, size) -> None:
    if logits.ndim != 3 or logits.shape[0] != 3 or 0 in logits.shape:
        raise ValueError(f"logits must be [3, h, w] with at least one pixel, got {tuple(logits.shape)}")
    check_tensor("logits", logits, torch.float32, logits.shape, device)
    if max(*logits.shape, *size) > fuse.MAX_SIDE:
        raise ValueError(f"pictures may be at most {fuse.MAX_SIDE} pixels a side, got {tuple(logits.shape)}, {size}")


def check_tensor(name: str, tensor: Tensor, dtype: torch.dtype, shape, device: torch.device) -> None:
    if tensor.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, got {tensor.dtype}")
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(tensor.shape)}")
    if tensor.device != device:
        raise ValueError(f"{name} is on {tensor.device} but the others are on {device}")
