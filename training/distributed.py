"""Several processes, one per GPU or CPU core, that train one network together. `torchrun` starts them.

    torchrun --nproc-per-node 2 -m training.train_tnet ...

N processes with a batch of B take the same steps as one process with a batch of N·B, to rounding: each draws its own
part of the same samples, gradients are averaged, and batch norms that learn share their statistics (with
`--no-shared-norms` each process's batch norms see its own batch: fewer waits, other numbers).

On two CPU cores two processes of one thread each are faster than one process of two threads: depthwise convolutions
split badly over threads.
"""

from __future__ import annotations

import atexit
import os

import torch
import torch.distributed as dist
from torch import Tensor, nn

from shm_stream.device import choose_device


def start(wanted: str = "auto") -> torch.device:
    """Joins the group that torchrun announces in the environment, if it does. Gives back this process's device.

    `wanted` is "auto", "cpu", "cuda" or "cuda:N"; of several processes each takes a GPU of its own. Raises InputError.
    """
    several = int(os.environ.get("WORLD_SIZE", 1)) > 1
    device = choose_device(wanted)
    if several and device != "cpu" and wanted in ("auto", "cuda"):
        device = choose_device(f"cuda:{os.environ['LOCAL_RANK']}")
    if device != "cpu":
        torch.cuda.set_device(device)
    if several and not dist.is_initialized():
        dist.init_process_group("gloo" if device == "cpu" else "nccl")
        atexit.register(dist.destroy_process_group)
    return torch.device(device)


def rank() -> int:
    """This process's number, 0 when it is alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def wait() -> None:
    """Until every process is here."""
    if world_size() > 1:
        dist.barrier()


def mean(value: Tensor) -> Tensor:
    """The mean of a tensor over the processes, the same in all of them."""
    if world_size() > 1:
        dist.all_reduce(value)
        value /= world_size()
    return value


def average_gradients(network: nn.Module) -> None:
    """Replaces every gradient by its mean over the processes, in one transfer."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = mean(torch.cat([g.reshape(-1) for g in gradients]))
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))


class _Gather(torch.autograd.Function):
    """[...] → [processes, ...]: the values of all processes, in all of them.

    Gradients: what the losses of all processes owe to a value is summed and comes back to the process it is from.
    """

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        rows = value.new_zeros(world_size(), *value.shape)
        rows[rank()] = value
        dist.all_reduce(rows)
        return rows

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient[rank()]


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics are those of all processes' batches together, on CPUs and GPUs.

    torch's own SyncBatchNorm works on GPUs only. Every process must hold a batch of the same size.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or world_size() == 1:
            return super().forward(x)
        exact = x.float()  # [N, C, H, W]
        variance, centre = torch.var_mean(exact, (0, 2, 3), correction=0)
        centres, variances = _Gather.apply(torch.stack((centre, variance))).unbind(1)  # [processes, C] each
        centre = centres.mean(0)
        variance = (variances + (centres - centre) ** 2).mean(0)
        self._remember(centre.detach(), variance.detach(), world_size() * x.numel() // x.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return ((exact - _per_channel(centre)) * _per_channel(scale) + _per_channel(self.bias)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, centre: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics as nn.BatchNorm2d keeps them, with the unbiased variance of `count` values."""
        self.running_mean.lerp_(centre, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        self.num_batches_tracked += 1


def _per_channel(value: Tensor) -> Tensor:
    """[C] → [1, C, 1, 1]."""
    return value.view(1, -1, 1, 1)


def share_batch_norms(network: nn.Module) -> None:
    """Makes every BatchNorm2d of `network` a SharedBatchNorm. Alone, a process keeps torch's own."""
    if world_size() == 1:
        return
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm  # the same parameters and buffers, another forward
