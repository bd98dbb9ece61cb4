"""Stage 2: M-Net learns to draw the unknown region (paper, section 4.4). For the `live` preset.

    python -m training.train_mnet --data DATA --out checkpoints/mnet.pt --cache checkpoints/cache

Trimaps are made from the true alpha with random widths; no T-Net is needed. Resumes when `--out` exists;
`--init weights/live.safetensors` goes on from shipped weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, default_collate

from shm_stream.matting_network import fuse, upsample_trimap
from shm_stream.mnet import LiveMNet

from . import checkpoint, options
from .datasets import MNetSamples
from .losses import prediction_loss
from .run import CommonOptions, Run


@dataclass(kw_only=True)
class Options(CommonOptions):
    out: Path
    init: Path | None = None
    size: int = 288
    batch: int = 16
    steps: int = 2500
    rate: float = 2e-3
    average: float = 0.998


def collate(samples: list[dict]) -> dict:
    """Logits of several sizes cannot be stacked: each is enlarged to the picture first, as at inference."""
    for sample in samples:
        sample["trimap"] = upsample_trimap(sample.pop("logits")[None], sample["image"].shape[1:])[0]
    return default_collate(samples)


def forward(network: LiveMNet, batch: dict) -> dict:
    """The loss of a batch. M-Net eats the halo, so truth is cropped to what it returns."""
    x = torch.cat([batch["image"], batch["trimap"]], 1).contiguous(memory_format=torch.channels_last)
    halo = network.halo
    inner = {k: F.pad(v, (-halo,) * 4) for k, v in batch.items()}
    return prediction_loss(fuse(inner["trimap"], network(x)), inner)


def main() -> None:
    o = options.parse(Options, __doc__)
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)

    network = LiveMNet()
    if o.init:
        checkpoint.load_part(network, o.init, "mnet")
    network = network.to(memory_format=torch.channels_last)
    run = Run(network, torch.optim.Adam(network.parameters(), o.rate), o.out, o)
    samples = MNetSamples(o.data, o.size, o.seed, run.step, o.cache)
    batches = iter(DataLoader(samples, o.batch, num_workers=o.workers, collate_fn=collate))
    network.train()
    while not run.finished:
        run.advance(forward(network, next(batches)))


if __name__ == "__main__":
    main()
