"""Stage 3: both networks end to end (paper, section 4.4), from the checkpoints of stages 1 and 2.

    python -m training.train_joint --data DATA --tnet checkpoints/tnet.pt --mnet checkpoints/mnet.pt \\
        --out checkpoints/joint.pt --cache checkpoints/cache [--config paper]

T-Net reads whole scenes (reduced by `--ratio`), M-Net draws a patch of each, of one of the sizes `--patches`, resized
to `--patch`; the loss is L_p + λ·L_t. M-Net meets the trimaps of the very T-Net it will work with; `--tnet-rate 0`
leaves that one as it is. Resumes when `--out` exists. `torchrun --nproc-per-node N -m training.train_joint ...` trains
in N processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from shm_stream.errors import InputError
from shm_stream.matting_network import SHM, fuse, upsample_trimap
from shm_stream.preset import get_preset
from shm_stream.trimap import Trimap

from . import checkpoint, options
from .checks import check_size
from .losses import joint_loss
from .mnet_samples import JointSamples
from .preview import Preview
from .run import CommonOptions, Run, begin
from .train_tnet import encoder_and_rest


@dataclass(kw_only=True)
class Options(CommonOptions):
    tnet: Path
    mnet: Path
    out: Path
    size: int = 672
    ratio: int = 3
    patches: tuple[int, ...] = (128, 192, 256)
    patch: int = 256
    batch: int = 16
    steps: int = 800
    tnet_rate: float = 1e-4
    encoder_rate: float = 0.0
    """Of T-Net's encoder; `tnet_rate` is that of the rest. What has no rate stays as it is."""
    mnet_rate: float = 1.5e-3
    average: float = 0.98
    photos: float = 0.75
    """Share of photos as they are; the paper has composites only."""
    sharpness: float = 2.0
    """T-Net's logits are multiplied by this before anything is learnt (`export` has the same for a T-Net alone)."""
    foreground_bias: float = -0.5
    unknown_bias: float = 1.0
    """What is then added to the logits of these classes: a wider band is more for M-Net to draw."""


def cut_patches(x: Tensor, batch: dict[str, Tensor], patch: int, halo: int) -> Tensor:
    """[N, C, S, S] → [N, C, patch + 2·halo, ...]: each sample's patch, resized when it has another size.

    The halo lies around it; beyond the picture its edge repeats.
    """
    found = []
    for picture, top, left, side in zip(x, *(batch[name].tolist() for name in ("top", "left", "side"))):
        border = round(halo * side / patch)
        padded = F.pad(picture[None], (border,) * 4, mode="replicate") if border else picture[None]
        cut = padded[:, :, top : top + side + 2 * border, left : left + side + 2 * border]
        size = (patch + 2 * halo,) * 2
        same = cut.shape[2:] == size
        found.append(cut if same else F.interpolate(cut, size=size, mode="bilinear", align_corners=False))
    return torch.cat(found)


def loss_of(network: SHM, batch: dict[str, Tensor], ratio: int, patch: int, fusion: Callable = fuse):
    """L = L_p + λ·L_t, and what gives a preview. `fusion(trimap, alpha_raw)` gives α_p."""
    image, halo = batch["image"], network.mnet.halo
    reduced = F.interpolate(image, scale_factor=1 / ratio, mode="area")
    prior = torch.zeros_like(reduced[:, :1])
    with torch.set_grad_enabled(any(p.requires_grad for p in network.tnet.parameters())):
        logits = network.tnet(torch.cat([reduced, prior], 1).contiguous(memory_format=torch.channels_last)).float()
    trimap = upsample_trimap(logits, image.shape[2:])
    tile = cut_patches(torch.cat([image, trimap], 1), batch, patch, halo)
    alpha_raw = network.mnet(tile.contiguous(memory_format=torch.channels_last)).float()
    alpha = fusion(cut_patches(trimap, batch, patch, 0), alpha_raw)
    whole = {name: value for name, value in batch.items() if value.dim() == 4}
    seen = {name: cut_patches(value, batch, patch, 0) for name, value in whole.items()}
    labelled = F.interpolate(logits, size=batch["labels"].shape[1:], mode="bilinear", align_corners=False)
    terms = joint_loss(alpha, labelled, batch["labels"], seen)
    return terms, lambda: Preview(seen["image"], alpha.detach(), seen["alpha"])


def load_stage(network: torch.nn.Module, path: Path) -> None:
    """Takes the averaged weights of an earlier stage's checkpoint."""
    try:
        network.load_state_dict(checkpoint.load_average(path))
    except RuntimeError as error:
        raise InputError(f"{path} is of another network; check --preset, --tnet and --mnet") from error


@torch.no_grad()
def adjust_logits(tnet: torch.nn.Module, factor: float, foreground_bias=0.0, unknown_bias=0.0) -> None:
    """Multiply T-Net's logits by `factor` and add the biases, in the weights of the last layer."""
    last = tnet.head[-1] if isinstance(tnet.head, torch.nn.Sequential) else tnet.head
    last.weight *= factor
    last.bias *= factor
    last.bias[Trimap.FOREGROUND] += foreground_bias
    last.bias[Trimap.UNKNOWN] += unknown_bias


def parameter_groups(network: SHM, o: Options) -> list[dict]:
    """T-Net's encoder, the rest of T-Net and M-Net, each with its rate."""
    encoder, rest = encoder_and_rest(network.tnet)
    parts = ((encoder, o.encoder_rate), (rest, o.tnet_rate), (network.mnet.parameters(), o.mnet_rate))
    groups = [{"params": list(parameters), "lr": rate} for parameters, rate in parts]
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad_(group["lr"] > 0)
    return groups


def train(o: Options, loss: Callable = loss_of) -> bool:
    """Runs the stage and says whether it is complete. `loss` has the arguments of `loss_of`."""
    options.check_least(o, 1, "ratio", "patches", "patch")
    if max(o.patches) > o.size:
        raise InputError(f"patches of {max(o.patches)} do not fit pictures of {o.size}; lower --patches")
    check_size(o.preset, o.size, o.ratio)
    device = begin(o)
    network = get_preset(o.preset).build()
    load_stage(network.tnet, o.tnet)
    load_stage(network.mnet, o.mnet)
    adjust_logits(network.tnet, o.sharpness, o.foreground_bias, o.unknown_bias)
    groups = parameter_groups(network, o)
    network = network.to(device, memory_format=torch.channels_last)
    run = Run(network, torch.optim.Adam(groups), o.out, o, device)
    # so few scenes estimate batch statistics badly: only the affine part of batch norms goes on learning
    network.eval()
    return run.follow(
        lambda: JointSamples(o.data, o.size, o.patches, o.ratio, o.seed, o.cache, o.photos),
        lambda batch: loss(network, batch, o.ratio, o.patch),
    )


def main() -> None:
    options.run(train, Options, __doc__, "joint")


if __name__ == "__main__":
    main()
