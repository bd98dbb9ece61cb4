"""The operations of `fuse` in plain PyTorch: what the native code is compared with, and what runs without it.

Tensors may be float32 or float64, on any device; everything but the 8-bit outputs is differentiable.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .trimap import Trimap

LOGIT_LIMIT = 1e4


def sample_probabilities(logits: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Logits [3, h, w] → softmax [3, height, width] of the bilinearly sampled logits (align_corners=False).

    Logits are clamped to ±1e4 first; NaN counts as -1e4.
    """
    clean = torch.nan_to_num(logits, nan=-LOGIT_LIMIT, posinf=LOGIT_LIMIT, neginf=-LOGIT_LIMIT)
    clean = clean.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)
    sampled = F.interpolate(clean[None], size=(height, width), mode="bilinear", align_corners=False)[0]
    return sampled.softmax(dim=0)


def fuse_alpha(logits: torch.Tensor, alpha_raw: torch.Tensor) -> torch.Tensor:
    """F_s + U_s * alpha_raw: logits [3, h, w], alpha_raw [H, W] → alpha [H, W] in 0..1."""
    probabilities = sample_probabilities(logits, *alpha_raw.shape)
    clean = torch.nan_to_num(alpha_raw, nan=0.0).clamp(0, 1)
    return probabilities[Trimap.FOREGROUND] + probabilities[Trimap.UNKNOWN] * clean


def composite_over(alpha: torch.Tensor, frame: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """alpha [H, W], frame and background [H, W, 3] uint8 → composite [H, W, 3] uint8."""
    back = background.to(alpha.dtype)
    return to_bytes(back + alpha[..., None] * (frame.to(alpha.dtype) - back))


def to_bytes(values: torch.Tensor) -> torch.Tensor:
    """0..255 → uint8, rounded to nearest, halves up."""
    return (values + 0.5).clamp(0, 255).to(torch.uint8)


def gather_window(frame: torch.Tensor, logits: torch.Tensor, top: int, left: int, height: int, width: int):
    """frame [H, W, 3] uint8, logits [3, h, w] → [6, height, width]; positions outside the frame are clamped."""
    rows = torch.arange(top, top + height, device=frame.device).clamp(0, frame.shape[0] - 1)
    columns = torch.arange(left, left + width, device=frame.device).clamp(0, frame.shape[1] - 1)
    colours = frame.permute(2, 0, 1).to(logits.dtype) / 255
    planes = torch.cat([colours, sample_probabilities(logits, *frame.shape[:2])])
    return planes[:, rows][:, :, columns]


@torch.no_grad()
def fuse_into(logits, alpha_raw, frame, background, composite, alpha, alpha8) -> None:
    """`fuse.fuse_composite` on checked numpy arrays; absent ones are None."""
    if alpha_raw.size == 0:
        return
    result = fuse_alpha(_tensor(logits), _tensor(alpha_raw))
    if alpha is not None:
        alpha[...] = result.numpy()
    if alpha8 is not None:
        alpha8[...] = to_bytes(result * 255).numpy()
    if composite is not None:
        composite[...] = composite_over(result, _tensor(frame), _tensor(background)).numpy()


@torch.no_grad()
def gather_into(frame, logits, top: int, left: int, out) -> None:
    """`fuse.gather` on checked numpy arrays."""
    out[...] = gather_window(_tensor(frame), _tensor(logits), top, left, *out.shape[1:]).numpy()


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor of a numpy array; copied when torch cannot view it (negative strides, read-only)."""
    return torch.from_numpy(np.ascontiguousarray(array) if array.flags.writeable else array.copy())
