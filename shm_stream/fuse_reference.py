"""The operations of `fuse` in plain PyTorch: what the native code is compared with, and what runs without it.

Tensors may be float32 or float64, on any device; everything but the 8-bit outputs is differentiable.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .trimap import Trimap
from .yuv_planes import YuvPlanes, unit_matrix

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
    return _blend(alpha[..., None], frame, background)


def composite_planes(alpha: torch.Tensor, frame: list[torch.Tensor], background: list[torch.Tensor]):
    """alpha [H, W], frame and background [Y [H, W], U, V [ceil(H/2), ceil(W/2)]] uint8 → composite [Y, U, V] uint8."""
    alphas = [alpha, *[site_alpha(alpha)] * 2]
    return [_blend(*planes) for planes in zip(alphas, frame, background, strict=True)]


def site_alpha(alpha: torch.Tensor) -> torch.Tensor:
    """[H, W] → [ceil(H/2), ceil(W/2)] mean of each 2x2 site; odd sizes repeat the last row or column."""
    even = F.pad(alpha[None, None], (0, alpha.shape[1] % 2, 0, alpha.shape[0] % 2), mode="replicate")
    return F.avg_pool2d(even, 2)[0, 0]


def _blend(alpha: torch.Tensor, frame: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    back = background.to(alpha.dtype)
    return to_bytes(back + alpha * (frame.to(alpha.dtype) - back))


def to_bytes(values: torch.Tensor) -> torch.Tensor:
    """0..255 → uint8, rounded to nearest, halves up."""
    return (values + 0.5).clamp(0, 255).to(torch.uint8)


def gather_window(frame: torch.Tensor, logits: torch.Tensor, top: int, left: int, height: int, width: int):
    """frame [H, W, 3] uint8, logits [3, h, w] → [6, height, width]; positions outside the frame are clamped."""
    colours = frame.permute(2, 0, 1).to(logits.dtype) / 255
    return _window(colours, logits, top, left, height, width)


def gather_planes_window(planes: list[torch.Tensor], matrix: torch.Tensor, logits: torch.Tensor, *window: int):
    """The same for Y [H, W], U, V [ceil(H/2), ceil(W/2)] uint8; `matrix` [3, 4] is `yuv_planes.unit_matrix`."""
    size = planes[0].shape
    chroma = torch.stack(planes[1:])[None].to(logits.dtype)
    spread = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)[0, :, : size[0], : size[1]]
    yuv = torch.cat([planes[0][None].to(logits.dtype), 16 * spread])
    colours = torch.einsum("ck,khw->chw", matrix[:, :3], yuv) + matrix[:, 3, None, None]
    return _window(colours.clamp(0, 1), logits, *window)


def _window(colours: torch.Tensor, logits: torch.Tensor, top: int, left: int, height: int, width: int):
    """colours [3, H, W] in 0..1."""
    size = colours.shape[1:]
    rows = torch.arange(top, top + height, device=logits.device).clamp(0, size[0] - 1)
    columns = torch.arange(left, left + width, device=logits.device).clamp(0, size[1] - 1)
    planes = torch.cat([colours, sample_probabilities(logits, *size)])
    return planes[:, rows][:, :, columns]


@torch.no_grad()
def fuse_into(logits, alpha_raw, frame, background, composite, alpha, alpha8) -> None:
    """`fuse.fuse_composite` on checked numpy arrays and YuvPlanes; absent ones are None."""
    if alpha_raw.size == 0:
        return
    result = fuse_alpha(_tensor(logits), _tensor(alpha_raw))
    if alpha is not None:
        alpha[...] = result.numpy()
    if alpha8 is not None:
        alpha8[...] = to_bytes(result * 255).numpy()
    if isinstance(composite, YuvPlanes):
        made = composite_planes(result, plane_tensors(frame), plane_tensors(background))
        for plane, values in zip((composite.y, composite.u, composite.v), made, strict=True):
            plane[...] = values.numpy()
    elif composite is not None:
        composite[...] = composite_over(result, _tensor(frame), _tensor(background)).numpy()


@torch.no_grad()
def gather_into(frame, logits, top: int, left: int, out) -> None:
    """`fuse.gather` on checked numpy arrays and YuvPlanes."""
    window = (top, left, *out.shape[1:])
    if isinstance(frame, YuvPlanes):
        matrix = torch.from_numpy(unit_matrix(frame.tags))
        out[...] = gather_planes_window(plane_tensors(frame), matrix, _tensor(logits), *window).numpy()
    else:
        out[...] = gather_window(_tensor(frame), _tensor(logits), *window).numpy()


def plane_tensors(planes: YuvPlanes) -> list[torch.Tensor]:
    """[Y, U, V]."""
    return [_tensor(plane) for plane in (planes.y, planes.u, planes.v)]


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor of a numpy array; copied when torch cannot view it (negative strides, read-only)."""
    return torch.from_numpy(np.ascontiguousarray(array) if array.flags.writeable else array.copy())
