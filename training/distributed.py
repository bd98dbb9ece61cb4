"""Several processes, one per GPU or CPU core, that train one network together. `torchrun` starts them.

    torchrun --nproc-per-node 2 -m training.train_tnet ...

Two processes of one thread each are faster on two cores than one process of two threads: depthwise convolutions
split badly over threads.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn


def start() -> None:
    """Joins the group that torchrun announces in the environment; without one, nothing."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def rank() -> int:
    """This process's number, 0 when it is alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def average_gradients(network: nn.Module) -> None:
    """Replaces every gradient by its mean over the processes, in one transfer."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients]) / world_size()
    dist.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))
