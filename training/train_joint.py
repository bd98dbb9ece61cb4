"""Stage 3: both networks end to end (paper, section 4.4), from the checkpoints of stages 1 and 2.

    python -m training.train_joint --data DATA --tnet checkpoints/tnet.pt --mnet checkpoints/mnet.pt \\
        --out-tnet checkpoints/joint_tnet.pt --out-mnet checkpoints/joint_mnet.pt --cache checkpoints/cache

T-Net reads whole scenes at reduced size, M-Net draws a patch of each at full size; the loss is L_p + λ·L_t.
M-Net meets the trimaps of the very T-Net it will work with. Resumes when the outputs exist.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from shm_stream.matting_network import SHM, fuse, upsample_trimap
from shm_stream.mnet import LiveMNet
from shm_stream.tnet import LiveTNet

from . import checkpoint, options
from .datasets import JointSamples
from .losses import joint_loss
from .schedule import warm_cosine


@dataclass
class Options:
    data: Path
    tnet: Path
    mnet: Path
    out_tnet: Path
    out_mnet: Path
    cache: Path | None = None
    size: int = 576
    ratio: int = 3
    patch: int = 256
    batch: int = 8
    steps: int = 1000
    tnet_rate: float = 1e-5
    mnet_rate: float = 5e-4
    average: float = 0.995
    workers: int = 1
    threads: int = 2
    seed: int = 0
    log_every: int = 50
    save_minutes: float = 3.0


def patches(x: torch.Tensor, batch: dict, side: int, halo: int) -> torch.Tensor:
    """Cuts [N, C, side + 2·halo, ...] at each sample's corner; beyond the picture its edge repeats."""
    x = F.pad(x, (halo,) * 4, mode="replicate")
    reach = side + 2 * halo
    return torch.stack([p[:, t : t + reach, q : q + reach] for p, t, q in zip(x, batch["top"], batch["left"])])


def forward(network: SHM, batch: dict, ratio: int, side: int) -> dict[str, torch.Tensor]:
    image, halo = batch["image"], network.mnet.halo
    reduced = F.interpolate(image, scale_factor=1 / ratio, mode="area")
    prior = torch.zeros_like(reduced[:, :1])
    logits = network.tnet(torch.cat([reduced, prior], 1).contiguous(memory_format=torch.channels_last))
    trimap = upsample_trimap(logits, image.shape[2:])
    tile = patches(torch.cat([image, trimap], 1), batch, side, halo)
    alpha = fuse(patches(trimap, batch, side, 0), network.mnet(tile.contiguous(memory_format=torch.channels_last)))
    truth = {name: patches(batch[name], batch, side, 0) for name in ("alpha", "foreground", "background")}
    labelled = F.interpolate(logits, size=batch["labels"].shape[1:], mode="bilinear", align_corners=False)
    return joint_loss(alpha, labelled, batch["labels"], truth)


def main() -> None:
    o = options.parse(Options, __doc__)
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)

    network = SHM(LiveTNet(), LiveMNet()).to(memory_format=torch.channels_last)
    network.tnet.load_state_dict(checkpoint.load(o.tnet)["average"])
    network.mnet.load_state_dict(checkpoint.load(o.mnet)["average"])
    groups = [
        {"params": network.tnet.parameters(), "lr": o.tnet_rate},
        {"params": network.mnet.parameters(), "lr": o.mnet_rate},
    ]
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: warm_cosine(step, o.steps))
    average_t, average_m = (checkpoint.Average(n, o.average) for n in (network.tnet, network.mnet))
    step = 0
    if o.out_tnet.exists() and o.out_mnet.exists():
        saved_t, saved_m = checkpoint.load(o.out_tnet), checkpoint.load(o.out_mnet)
        network.load_state_dict(saved_m["network"])
        optimiser.load_state_dict(saved_m["optimiser"])
        schedule.load_state_dict(saved_m["schedule"])
        average_t.state, average_m.state, step = saved_t["average"], saved_m["average"], saved_m["step"]
        print(f"resumed at step {step}", flush=True)

    samples = JointSamples(o.data, o.size, o.patch, o.ratio, o.seed, step, o.cache)
    batches = iter(DataLoader(samples, o.batch, num_workers=o.workers))
    # eight scenes are too few to estimate batch statistics: only their affine part goes on learning
    network.eval()
    totals: dict[str, float] = defaultdict(float)
    began = saved_at = time.monotonic()
    while step < o.steps:
        terms = forward(network, next(batches), o.ratio, o.patch)
        optimiser.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        step += 1
        average_t.update(network.tnet, step)
        average_m.update(network.mnet, step)

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
            checkpoint.save(o.out_tnet, average=average_t.state)
            checkpoint.save(
                o.out_mnet,
                average=average_m.state,
                network=network.state_dict(),
                step=step,
                optimiser=optimiser.state_dict(),
                schedule=schedule.state_dict(),
                options=vars(o),
            )
            saved_at = time.monotonic()


if __name__ == "__main__":
    main()
