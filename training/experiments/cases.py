"""The test set: composites of held-out people with exact alpha, each with a true and a predicted trimap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shm_stream.matting_network import upsample_trimap

from .. import evaluate_composites
from ..trimaps import trimap_labels
from .heads import reduce
from .networks import load_tnet, to_frame
from .settings import Experiment


@dataclass(frozen=True)
class Case:
    image: np.ndarray
    """[S, S, 3] uint8 RGB."""
    truth: np.ndarray
    """[S, S] float32 alpha 0..1."""
    true_trimap: np.ndarray
    """[S, S] int64 classes in the order of `Trimap`: the true alpha, eroded and dilated."""
    predicted_trimap: np.ndarray
    """[S, S] int64 classes: T-Net's likeliest."""


def cases(e: Experiment) -> list[Case]:
    """All test pictures, the same in every run."""
    s = e.settings
    scenes = evaluate_composites.composites(
        evaluate_composites.Options(e.options.data, count=s.images, size=s.size, seed=s.seed)
    )
    tnet = load_tnet(e)
    return [
        Case(
            scene.image,
            scene.alpha.astype(np.float32) / 255,
            trimap_labels(scene.alpha, s.trimap_radius),
            predict_trimap(tnet, to_frame(scene.image), s.tnet_side),
        )
        for scene in scenes
    ]


@torch.inference_mode()
def predict_trimap(tnet, frame: Tensor, side: int) -> np.ndarray:
    """[1, 3, S, S] RGB 0..1 → [S, S] int64, T-Net's likeliest class at every pixel."""
    logits = tnet(reduce(frame, side))
    return upsample_trimap(logits, frame.shape[2:])[0].argmax(0).numpy()
