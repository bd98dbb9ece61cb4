"""Checkpoints to resume from, and an average of the weights (EMA)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Average:
    """Exponential moving average of a network's parameters; buffers are copied."""

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            mine = self.state[name]
            if value.dtype.is_floating_point:
                mine.lerp_(value, 1 - decay)
            else:
                mine.copy_(value)


def save(path: Path, **content) -> None:
    """Writes beside the target and renames, so that a kill leaves the last good file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = {"torch": torch.get_rng_state(), "numpy": np.random.get_state(), "python": random.getstate()}
    partial = path.with_suffix(".partial")
    torch.save({**content, "rng": rng}, partial)
    os.replace(partial, path)


def load(path: Path) -> dict:
    """Reads a checkpoint of our own making (it holds RNG states, so it is not a plain weight file)."""
    content = torch.load(path, map_location="cpu", weights_only=False)
    torch.set_rng_state(content["rng"]["torch"])
    np.random.set_state(content["rng"]["numpy"])
    random.setstate(content["rng"]["python"])
    return content


def load_part(network: nn.Module, file: Path, part: str) -> None:
    """Fills `network` from a .safetensors file: its own weights, or the `part` ("tnet", "mnet") of shipped ones."""
    from safetensors.torch import load_file

    state = load_file(file)
    shipped = {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}
    network.load_state_dict(shipped or state)
