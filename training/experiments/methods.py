"""Every method of the three tables: what it needs trained, and how it gets alpha from a test picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from pymatting import estimate_alpha_cf, estimate_alpha_knn
from torch import Tensor

from shm_stream.matting_network import SHM, fuse

from . import heads, networks
from .cases import Case
from .settings import Experiment
from .solvers import solve

Matte = Callable[[Case], np.ndarray]
"""Test picture → alpha [S, S] in 0..1."""


@dataclass(frozen=True)
class Method:
    make: Callable[[Experiment], Matte]
    training: str | None = None


def segmentation(e: Experiment) -> Matte:
    """A mask: 0 or 1, nothing between."""
    soft = regression(e, "segmentation")
    return lambda case: (soft(case) > 0.5).astype(np.float32)


def regression(e: Experiment, training: str = "regression") -> Matte:
    network = networks.load_head(e, training)
    return lambda case: draw(lambda frame: heads.alpha_of(network, frame, e.settings.tnet_side), case)


def solver(e: Experiment, estimate: Callable, trimap: str) -> Matte:
    """Closed form or KNN; `trimap` is the name of the case's trimap."""
    return lambda case: solve(estimate, case.image, getattr(case, trimap))


def dim(e: Experiment, trimap: str) -> Matte:
    """M-Net inside the unknown region of a hard trimap, 0 or 1 outside."""
    network = networks.load_apart(e, "dim")
    return lambda case: draw(lambda frame: inside_unknown(network, frame, getattr(case, trimap)), case)


def inside_unknown(network: SHM, frame: Tensor, trimap: np.ndarray) -> Tensor:
    """frame [1, 3, S, S], trimap [S, S] classes → alpha [1, 1, S, S]."""
    classes = torch.from_numpy(np.ascontiguousarray(trimap))
    shares = torch.nn.functional.one_hot(classes, 3).movedim(-1, 0)[None].to(frame.dtype)
    return fuse(shares, network.draw(torch.cat([frame, shares], 1)))


def whole(e: Experiment, load: Callable[[Experiment, str], SHM], training: str, output: str = "alpha") -> Matte:
    """T-Net, M-Net and fusion; `output` names what of the `Matte` is taken: alpha, or alpha_raw for no fusion."""
    network = load(e, training)
    size = (e.settings.tnet_side,) * 2
    return lambda case: draw(lambda frame: getattr(network(frame, tnet_size=size), output), case)


@torch.inference_mode()
def draw(network: Callable[[Tensor], Tensor], case: Case) -> np.ndarray:
    """Runs a network, [1, 3, S, S] → [1, 1, S, S], on a test picture."""
    return network(networks.to_frame(case.image))[0, 0].numpy()


PREDICTED, TRUE = "predicted_trimap", "true_trimap"

METHODS = {
    "cf": Method(partial(solver, estimate=estimate_alpha_cf, trimap=PREDICTED)),
    "knn": Method(partial(solver, estimate=estimate_alpha_knn, trimap=PREDICTED)),
    "true_cf": Method(partial(solver, estimate=estimate_alpha_cf, trimap=TRUE)),
    "true_knn": Method(partial(solver, estimate=estimate_alpha_knn, trimap=TRUE)),
    "segmentation": Method(segmentation, "segmentation"),
    "regression": Method(regression, "regression"),
    "dim": Method(partial(dim, trimap=PREDICTED), "dim"),
    "true_dim": Method(partial(dim, trimap=TRUE), "dim"),
    "shm": Method(partial(whole, load=networks.load_joint, training="shm"), "shm"),
    "no_joint": Method(partial(whole, load=networks.load_apart, training="mnet_alone"), "mnet_alone"),
    "no_fusion": Method(
        partial(whole, load=networks.load_joint, training="no_fusion", output="alpha_raw"), "no_fusion"
    ),
    "no_lt": Method(partial(whole, load=networks.load_joint, training="no_lt"), "no_lt"),
}
"""In the order in which they are done."""
