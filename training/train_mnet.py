"""Stage 2: M-Net learns to draw the unknown region (paper, section 4.4).

    python -m training.train_mnet --data DATA --out checkpoints/mnet.pt --cache checkpoints/cache [--config paper]

Trimaps are made from the true alpha with random widths; no T-Net is needed. Resumes when `--out` exists;
`--init weights/live.safetensors` goes on from shipped weights, `--backbone vgg16.pth` starts the paper's encoder from
ImageNet. `torchrun --nproc-per-node N -m training.train_mnet ...` trains in N processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import default_collate

from shm_stream.errors import InputError
from shm_stream.matting_network import fuse, upsample_trimap
from shm_stream.preset import get_preset

from . import backbones, checkpoint, options
from .losses import prediction_loss
from .mnet_samples import MNetSamples
from .preview import Preview
from .run import CommonOptions, Run, begin


@dataclass(kw_only=True)
class Options(CommonOptions):
    out: Path
    init: Path | None = None
    backbone: Path | None = None
    """ImageNet weights of the paper's encoder, in torchvision's naming."""
    size: int = 224
    batch: int = 16
    steps: int = 2500
    rate: float = 4e-3
    average: float = 0.995
    photos: float = 0.5
    """Share of photos as they are; the paper has composites only."""


def fresh_network(o: Options) -> nn.Module:
    network = get_preset(o.preset).build().mnet
    if o.backbone and get_preset(o.preset).local_mnet:
        raise InputError(f"--backbone is for the paper preset: the M-Net of {o.preset} starts from random weights")
    if o.init:
        checkpoint.load_part(network, o.init, "mnet")
    elif o.backbone:
        backbones.load_vgg(network, o.backbone)
    return network


def collate(samples: list[dict]) -> dict:
    """Logits of several sizes cannot be stacked: each is enlarged to the picture first, as at inference."""
    for sample in samples:
        sample["trimap"] = upsample_trimap(sample.pop("logits")[None], sample["image"].shape[1:])[0]
    return default_collate(samples)


def loss_of(network: nn.Module, batch: dict[str, Tensor]):
    """L_p and what gives a preview. M-Net eats the halo, so truth is cropped to what it returns."""
    x = torch.cat([batch["image"], batch["trimap"]], 1).contiguous(memory_format=torch.channels_last)
    inner = {k: F.pad(v, (-network.halo,) * 4) for k, v in batch.items()}
    alpha = fuse(inner["trimap"], network(x).float())
    return prediction_loss(alpha, inner), lambda: Preview(inner["image"], alpha.detach(), inner["alpha"])


def train(o: Options, loss: Callable = loss_of, network: nn.Module | None = None) -> bool:
    """Runs the stage and says whether it is complete. `loss` has the arguments of `loss_of`; `network`: one to train
    that is not the preset's."""
    device = begin(o)
    network = (network or fresh_network(o)).to(device, memory_format=torch.channels_last)
    run = Run(network, torch.optim.Adam(network.parameters(), o.rate), o.out, o, device)
    network.train()

    def samples() -> MNetSamples:
        return MNetSamples(o.data, o.size, o.seed, o.cache, o.photos)

    return run.follow(samples, lambda batch: loss(network, batch), collate)


def main() -> None:
    options.run(train, Options, __doc__, "mnet")


if __name__ == "__main__":
    main()
