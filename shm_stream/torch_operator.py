"""Operators of `torch.ops.shm_stream`: a function for CPU tensors, one for CUDA tensors and one for their shapes alone.

As `torch.library.custom_op`, which on its first call imports PyTorch's compiler: three to five seconds more before the
first frame. It is not needed to call a kernel.
"""

from __future__ import annotations

from collections.abc import Callable

import torch


class Operator:
    """Calls `torch.ops.shm_stream.<name>`."""

    def __init__(self, schema: str, cpu: Callable):
        """`schema` as `torch.library.define` takes it: name(arguments) -> results."""
        name, _, arguments = schema.partition("(")
        self.name = f"shm_stream::{name}"
        torch.library.define(self.name, f"({arguments}")
        torch.library.impl(self.name, "CPU", cpu)
        self.__doc__ = cpu.__doc__
        self._call = getattr(torch.ops.shm_stream, name).default

    def __call__(self, *arguments):
        return self._call(*arguments)

    def cuda(self, function: Callable) -> Callable:
        """Decorator: what runs for CUDA tensors."""
        torch.library.impl(self.name, "CUDA", function)
        return function

    def fake(self, function: Callable) -> Callable:
        """Decorator: gives results of the right shape and type without computing them."""
        return torch.library.register_fake(self.name, function)

    def gradient(self, backward: Callable, setup_context: Callable) -> None:
        torch.library.register_autograd(self.name, backward, setup_context=setup_context)


def operator(schema: str) -> Callable[[Callable], Operator]:
    """Decorator of the function for CPU tensors."""
    return lambda cpu: Operator(schema, cpu)
