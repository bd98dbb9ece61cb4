"""Checkpoints to resume from, and an average of the weights (EMA)."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import torch
from torch import nn

from shm_stream.errors import InputError

from .parts import without_head


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

    @torch.no_grad()
    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Takes a saved average, onto this one's device."""
        for name, value in state.items():
            self.state[name].copy_(value)


def save(path: Path, **content) -> None:
    """Writes beside the target and renames, so that a kill at any moment leaves the last good file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load(path: Path) -> dict:
    """Reads a checkpoint of our own making, onto the CPU. It may hold any Python object: open none of a stranger's.

    Nothing else changes: random numbers are a matter of the run (`Run`), which makes them from seed and step.
    Raises InputError.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot read the checkpoint {path} ({reason}); run the stage that writes it") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is no checkpoint: it holds a {type(content).__name__}; run the stage that writes it")
    return content


def load_average(path: Path) -> dict[str, torch.Tensor]:
    """The averaged weights of a checkpoint, without the head for parts. Raises InputError."""
    average = load(path).get("average")
    if not isinstance(average, dict):
        raise InputError(f"{path} is no checkpoint of a stage: it holds no averaged weights")
    return without_head(average)


def load_part(network: nn.Module, file: Path, part: str) -> None:
    """Fills `network` from a .safetensors file: its own weights, or the `part` ("tnet", "mnet") of shipped ones; or
    from the average of a checkpoint (.pt). Raises InputError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_average(file) if file.suffix == ".pt" else load_file(file)
        shipped = {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}
        network.load_state_dict(shipped or state)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} holds no weights of this {part} ({reason}); check --init and --preset") from error
