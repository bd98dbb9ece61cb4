"""T-Net, M-Net and fusion as one differentiable network (paper, section 4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .trimap import Trimap


class Matte(NamedTuple):
    """What the assembled network says about a batch of frames."""

    logits: Tensor
    """[N, 3, h, w] T-Net's output at its own size."""
    trimap: Tensor
    """[N, 3, H, W] F_s, B_s, U_s: softmax of the logits sampled at full size."""
    alpha_raw: Tensor
    """[N, 1, H, W] M-Net's output, 0..1."""
    alpha: Tensor
    """[N, 1, H, W] the fused alpha, 0..1."""


def upsample_trimap(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """[N, 3, h, w] logits → [N, 3, H, W] probabilities. Interpolates first, then takes the softmax."""
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False).softmax(1)


def fuse(trimap: Tensor, alpha_raw: Tensor) -> Tensor:
    """α_p = F_s + U_s·α_r (paper, eq. 3): certain pixels come from T-Net, uncertain ones from M-Net."""
    foreground = trimap[:, Trimap.FOREGROUND, None]
    unknown = trimap[:, Trimap.UNKNOWN, None]
    return foreground + unknown * alpha_raw


class SHM(nn.Module):
    """Semantic Human Matting: frame in, alpha out.

    T-Net reads the frame at `tnet_size` (its own size when None), M-Net at full size.
    """

    def __init__(self, tnet: nn.Module, mnet: nn.Module):
        super().__init__()
        self.tnet = tnet
        self.mnet = mnet

    def forward(self, frame: Tensor, prior: Tensor | None = None, tnet_size: tuple[int, int] | None = None) -> Matte:
        """frame [N, 3, H, W] RGB 0..1, prior [N, 1, H, W] alpha 0..1 of the previous frame."""
        if prior is None:
            prior = torch.zeros_like(frame[:, :1])
        reduced = torch.cat([frame, prior], 1)
        if tnet_size is not None:
            reduced = F.interpolate(reduced, size=tnet_size, mode="area")
        return self.matte(frame, self.tnet(reduced))

    def matte(self, frame: Tensor, logits: Tensor) -> Matte:
        """The second half of `forward`: frame [N, 3, H, W] and T-Net's logits [N, 3, h, w] → everything else."""
        trimap = upsample_trimap(logits, frame.shape[2:])
        alpha_raw = self.draw(torch.cat([frame, trimap], 1))
        return Matte(logits, trimap, alpha_raw, fuse(trimap, alpha_raw))

    def draw(self, x: Tensor) -> Tensor:
        """[N, 6, H, W] → alpha_raw [N, 1, H, W]: edges are repeated to give M-Net its halo and whole blocks."""
        height, width = x.shape[2:]
        halo, multiple = self.mnet.halo, self.mnet.multiple
        below, right = -height % multiple, -width % multiple
        x = F.pad(x, (halo, halo + right, halo, halo + below), mode="replicate") if halo or below or right else x
        return self.mnet(x)[:, :, :height, :width]
