"""Trained networks of an experiment, ready to be used, and what they are given."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from shm_stream.matting_network import SHM
from shm_stream.preset import get_preset

from ..stream import to_tensor
from ..train_joint import load_stage
from . import heads
from .settings import PRESET, Experiment


def to_frame(image: np.ndarray) -> Tensor:
    """[S, S, 3] uint8 RGB → [1, 3, S, S] float32 0..1."""
    return to_tensor(image)[None]


def load_tnet(e: Experiment) -> nn.Module:
    """The shared T-Net."""
    network = get_preset(PRESET).build().tnet
    load_stage(network, e.checkpoint("tnet"))
    return network.eval()


def load_head(e: Experiment, training: str) -> nn.Module:
    """A T-Net with one channel."""
    network = heads.one_channel(get_preset(PRESET).build().tnet)
    load_stage(network, e.checkpoint(training))
    return network.eval()


def load_joint(e: Experiment, training: str) -> SHM:
    """Networks that were trained end to end."""
    network = get_preset(PRESET).build()
    load_stage(network, e.checkpoint(training))
    return network.eval()


def load_apart(e: Experiment, training: str) -> SHM:
    """The shared T-Net with an M-Net that was trained alone."""
    network = get_preset(PRESET).build()
    load_stage(network.tnet, e.checkpoint("tnet"))
    load_stage(network.mnet, e.checkpoint(training))
    return network.eval()
