"""Stage 3: both networks end to end (paper, section 4.4), from the checkpoints of stages 1 and 2.

    python -m training.train_joint --data DATA --tnet checkpoints/tnet.pt --mnet checkpoints/mnet.pt \\
        --out checkpoints/joint.pt --cache checkpoints/cache

T-Net reads whole scenes at reduced size, M-Net draws a patch of each at full size; the loss is L_p + λ·L_t.
M-Net meets the trimaps of the very T-Net it will work with. Resumes when `--out` exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from shm_stream.matting_network import SHM, fuse, upsample_trimap
from shm_stream.preset import get_preset

from . import checkpoint, options
from .datasets import JointSamples
from .losses import joint_loss
from .run import CommonOptions, Run


@dataclass(kw_only=True)
class Options(CommonOptions):
    tnet: Path
    mnet: Path
    out: Path
    size: int = 576
    ratio: int = 3
    patch: int = 256
    batch: int = 8
    steps: int = 1000
    tnet_rate: float = 1e-5
    mnet_rate: float = 5e-4
    average: float = 0.995


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

    network = get_preset("live").build().to(memory_format=torch.channels_last)
    network.tnet.load_state_dict(checkpoint.load(o.tnet)["average"])
    network.mnet.load_state_dict(checkpoint.load(o.mnet)["average"])
    groups = [
        {"params": network.tnet.parameters(), "lr": o.tnet_rate},
        {"params": network.mnet.parameters(), "lr": o.mnet_rate},
    ]
    run = Run(network, torch.optim.Adam(groups), o.out, o)
    samples = JointSamples(o.data, o.size, o.patch, o.ratio, o.seed, run.step, o.cache)
    batches = iter(DataLoader(samples, o.batch, num_workers=o.workers))
    # eight scenes are too few to estimate batch statistics: only their affine part goes on learning
    network.eval()
    while not run.finished:
        run.advance(forward(network, next(batches), o.ratio, o.patch))


if __name__ == "__main__":
    main()
