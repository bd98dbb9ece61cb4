"""What must be trained: one shared start, then a variant for every row. Each resumes.

All M-Nets go on from the same start, over as many steps, batches and pixels and at the same rate. They differ in
what a row is about: which trimaps they see, what is trained with them, and which loss.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from shm_stream.errors import InputError
from shm_stream.preset import get_preset

from .. import checkpoint, train_joint, train_mnet
from . import heads
from .settings import PRESET, Experiment

START = "mnet_start"


@dataclass(frozen=True)
class Training:
    what: str
    run: Callable[[Experiment, str], bool]
    """Trains into the checkpoint of that name and says whether it is complete."""
    needs: tuple[str, ...] = ()


def prepare(e: Experiment) -> None:
    """Copies the given T-Net, and M-Net if there is one, into OUT as checkpoints. Raises InputError."""
    for name, part, file in (("tnet", "tnet", e.tnet), (START, "mnet", e.options.mnet)):
        if file is None or e.checkpoint(name).exists():
            continue
        network = getattr(get_preset(PRESET).build(), part)
        try:
            checkpoint.load_part(network, file, part)
        except KeyError as error:
            raise InputError(f"{file} is no checkpoint of a stage; check --tnet and --mnet") from error
        checkpoint.save(e.checkpoint(name), average=network.state_dict())


def ensure(e: Experiment, name: str) -> None:
    """Trains what is missing of a training and of what it needs."""
    if finished(e, name):
        return
    for other in TRAININGS[name].needs:
        ensure(e, other)
    print(f"training {name}: {TRAININGS[name].what}", flush=True)
    TRAININGS[name].run(e, name)


def finished(e: Experiment, name: str) -> bool:
    path = e.checkpoint(name)
    # given weights have no step
    return path.exists() and checkpoint.load(path).get("step", e.settings.steps) >= e.settings.steps


def seconds(e: Experiment, name: str) -> float:
    """How long the logged steps took; 0 for weights that were given."""
    log = e.checkpoint(name).with_suffix(".csv")
    if not log.exists():
        return 0.0
    total, before = 0.0, 0
    with log.open(newline="") as file:
        for row in csv.DictReader(file):
            total += (int(row["step"]) - before) * e.settings.batch / float(row["images_per_second"])
            before = int(row["step"])
    return total


def common(e: Experiment, name: str) -> dict:
    """Options that all trainings share."""
    o, s = e.options, e.settings
    shared = dict(data=o.data, cache=o.cache, workers=o.workers, threads=o.threads, preset=PRESET)
    logs = dict(log_every=max(1, min(20, s.steps // 10)), preview_every=0)
    return dict(out=e.checkpoint(name), steps=s.steps, batch=s.batch, **shared, **logs)


# as in the paper, only composites are learnt from, and T-Net goes on learning
ALONE = dict(rate=5e-4, average=0.995, photos=0.0)
AS_IT_IS = dict(sharpness=1.0, foreground_bias=0.0, unknown_bias=0.0)
TOGETHER = dict(tnet_rate=1e-5, encoder_rate=1e-5, mnet_rate=5e-4, average=0.995, photos=0.0, **AS_IT_IS)


def train_start(e: Experiment, name: str) -> bool:
    return train_mnet.train(train_mnet.Options(**common(e, name), size=e.settings.patch, photos=0.0))


def train_alone(e: Experiment, name: str, loss: Callable = train_mnet.loss_of) -> bool:
    options = train_mnet.Options(**common(e, name), size=e.settings.patch, init=e.checkpoint(START), **ALONE)
    return train_mnet.train(options, loss)


def train_together(e: Experiment, name: str, loss: Callable = train_joint.loss_of) -> bool:
    s = e.settings
    sizes = dict(size=s.size, ratio=s.ratio, patches=(s.patch,), patch=s.patch)
    stages = dict(tnet=e.checkpoint("tnet"), mnet=e.checkpoint(START))
    return train_joint.train(train_joint.Options(**common(e, name), **sizes, **stages, **TOGETHER), loss)


def train_head(e: Experiment, name: str, loss: Callable) -> bool:
    sizes = dict(size=e.settings.size, ratio=e.settings.ratio)
    return heads.train(heads.Options(**common(e, name), **sizes, tnet=e.checkpoint("tnet")), loss)


def harden(trimap: Tensor) -> Tensor:
    """[N, 3, H, W] probabilities → 1 for the likeliest class and 0 for the others."""
    return F.one_hot(trimap.argmax(1), 3).movedim(-1, 1).to(trimap.dtype)


def dim_loss(network, batch: dict[str, Tensor]):
    """On hard trimaps: outside the unknown region alpha is settled, so that only the inside is learnt from."""
    return train_mnet.loss_of(network, batch | {"trimap": harden(batch["trimap"])})


def loss_without_fusion(network, batch: dict[str, Tensor], ratio: int, patch: int):
    """α_p = α_r."""
    return train_joint.loss_of(network, batch, ratio, patch, fusion=lambda trimap, alpha_raw: alpha_raw)


def loss_without_trimaps(network, batch: dict[str, Tensor], ratio: int, patch: int):
    """λ = 0: L = L_p."""
    terms, look = train_joint.loss_of(network, batch, ratio, patch)
    return terms | {"total": terms["L_p"]}, look


TRAININGS = {
    "segmentation": Training("T-Net with one channel, on masks", partial(train_head, loss=heads.segmentation_loss)),
    "regression": Training("T-Net with one channel, on alpha", partial(train_head, loss=heads.regression_loss)),
    START: Training("M-Net from random weights, on true trimaps", train_start),
    "dim": Training("M-Net alone, on hard true trimaps", partial(train_alone, loss=dim_loss), (START,)),
    "mnet_alone": Training("M-Net alone, on soft true trimaps", train_alone, (START,)),
    "shm": Training("T-Net and M-Net end to end", train_together, (START,)),
    "no_fusion": Training("end to end, without fusion", partial(train_together, loss=loss_without_fusion), (START,)),
    "no_lt": Training("end to end, without L_t", partial(train_together, loss=loss_without_trimaps), (START,)),
}
