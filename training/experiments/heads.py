"""T-Net's architecture with one output channel: segmentation and regression without any matting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_stream.preset import get_preset
from shm_stream.trimap import Trimap

from ..mnet_samples import JointSamples
from ..preview import Preview
from ..run import CommonOptions, Run, begin
from ..train_joint import load_stage
from ..train_tnet import parameter_groups


@dataclass(kw_only=True)
class Options(CommonOptions):
    tnet: Path
    out: Path
    size: int
    ratio: int
    batch: int
    steps: int
    rate: float = 5e-4
    encoder_rate: float = 1e-4
    average: float = 0.995


def one_channel(tnet: nn.Module) -> nn.Module:
    """Replaces T-Net's three logits by the one that says foreground rather than background: F - B."""
    old = tnet.head
    new = nn.Conv2d(old.in_channels, 1, old.kernel_size, padding=old.padding)
    with torch.no_grad():
        for mine, its in ((new.weight, old.weight), (new.bias, old.bias)):
            mine.copy_((its[Trimap.FOREGROUND] - its[Trimap.BACKGROUND])[None])
    tnet.head = new
    return tnet


def reduce(frame: Tensor, side: int) -> Tensor:
    """[N, 3, S, S] → [N, 4, side, side]: T-Net's input, with an empty prior."""
    reduced = F.interpolate(frame, size=(side, side), mode="area")
    return torch.cat([reduced, torch.zeros_like(reduced[:, :1])], 1).contiguous(memory_format=torch.channels_last)


def alpha_of(network: nn.Module, frame: Tensor, side: int) -> Tensor:
    """[N, 3, S, S] RGB 0..1 → [N, 1, S, S] 0..1, read at `side` x `side` pixels and enlarged."""
    logits = network(reduce(frame, side)).float()
    logits = F.interpolate(logits, size=frame.shape[2:], mode="bilinear", align_corners=False)
    return logits.sigmoid()


def regression_loss(alpha: Tensor, truth: Tensor) -> Tensor:
    """L1."""
    return (alpha - truth).abs().mean()


def segmentation_loss(alpha: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy against the mask of everything that alpha touches, the paper's ground truth alpha > 0."""
    return F.binary_cross_entropy(alpha, (truth > 0).float())


def train(o: Options, loss: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Fine-tunes the T-Net in checkpoint `o.tnet` and says whether it is complete."""
    device = begin(o)
    tnet = get_preset(o.preset).build().tnet
    load_stage(tnet, o.tnet)
    network = one_channel(tnet).to(device, memory_format=torch.channels_last)
    run = Run(network, torch.optim.Adam(parameter_groups(network, o)), o.out, o, device)
    network.eval()  # batch norms keep their statistics, as in train_joint

    def terms(batch: dict[str, Tensor]):
        alpha = alpha_of(network, batch["image"], o.size // o.ratio)
        total = loss(alpha, batch["alpha"])
        return {"total": total}, lambda: Preview(batch["image"], alpha.detach(), batch["alpha"])

    return run.follow(lambda: JointSamples(o.data, o.size, (o.size,), o.ratio, o.seed, o.cache), terms)
