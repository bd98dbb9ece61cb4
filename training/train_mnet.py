"""Stage 2: M-Net learns to draw the unknown region (paper, section 4.4). For the `live` preset.

    python -m training.train_mnet --data DATA --out checkpoints/mnet.pt --cache checkpoints/cache

Trimaps are made from the true alpha with random widths; no T-Net is needed. Resumes when `--out` exists.
"""

from __future__ import annotations

import time
from collections import defaultdict
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
from .schedule import warm_cosine


@dataclass
class Options:
    data: Path
    out: Path
    cache: Path | None = None
    size: int = 288
    batch: int = 16
    steps: int = 2500
    rate: float = 2e-3
    average: float = 0.998
    workers: int = 1
    threads: int = 2
    seed: int = 0
    log_every: int = 100
    save_minutes: float = 3.0


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

    network = LiveMNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), o.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: warm_cosine(step, o.steps))
    average = checkpoint.Average(network, o.average)
    step = 0
    if o.out.exists():
        saved = checkpoint.load(o.out)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        average.state, step = saved["average"], saved["step"]
        print(f"resumed at step {step}", flush=True)

    samples = MNetSamples(o.data, o.size, o.seed, step, o.cache)
    batches = iter(DataLoader(samples, o.batch, num_workers=o.workers, collate_fn=collate))
    network.train()
    totals: dict[str, float] = defaultdict(float)
    began = saved_at = time.monotonic()
    while step < o.steps:
        terms = forward(network, next(batches))
        optimiser.zero_grad()
        terms["total"].backward()
        optimiser.step()
        schedule.step()
        step += 1
        average.update(network, step)

        for name, value in terms.items():
            totals[name] += value.item() / o.log_every
        if step % o.log_every == 0:
            speed = o.log_every * o.batch / (time.monotonic() - began)
            print(
                f"step {step} " + " ".join(f"{k} {v:.5f}" for k, v in totals.items()) + f" {speed:.1f} images/s",
                flush=True,
            )
            totals.clear()
            began = time.monotonic()
        if step == o.steps or time.monotonic() - saved_at > 60 * o.save_minutes:
            checkpoint.save(
                o.out,
                network=network.state_dict(),
                optimiser=optimiser.state_dict(),
                schedule=schedule.state_dict(),
                average=average.state,
                step=step,
                options=vars(o),
            )
            saved_at = time.monotonic()


if __name__ == "__main__":
    main()
