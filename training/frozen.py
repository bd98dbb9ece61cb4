"""The part of T-Net's encoder that no longer learns, run by onnxruntime: it folds batch norms and activations into the
convolutions, which a network under training cannot. With five blocks a step takes four fifths of the time."""

from __future__ import annotations

import io
import warnings

import onnxruntime
import torch
from torch import Tensor, nn

from shm_stream.errors import InputError


def freeze_early(network: nn.Module, blocks: int, device: torch.device) -> None:
    """Stops training the stem and the first `blocks` blocks: the largest maps, and long settled when one goes on from
    trained weights. On a CPU onnxruntime runs them from here on. Raises InputError for a T-Net without blocks."""
    if not blocks:
        return
    encoder = network.encoder
    if not hasattr(encoder, "blocks"):
        raise InputError("--frozen-blocks is for the live preset; leave it at 0")
    for module in [encoder.stem, *encoder.blocks[:blocks]]:
        module.requires_grad_(False)
    if device.type == "cpu":
        early, late = FrozenBlocks(encoder, blocks), encoder.late
        encoder.forward = lambda x: _joined(early(x), blocks, late)


def _joined(early: list[Tensor], blocks: int, late) -> list[Tensor]:
    """All feature maps, given the early ones and, last, what the first late block reads."""
    return early[:-1] + late(early[-1], blocks)


class FrozenBlocks:
    """x → the feature maps within the stem and the first blocks, and the output of the last of these."""

    def __init__(self, encoder: nn.Module, blocks: int):
        self.session = _session(_Early(encoder, blocks))

    def __call__(self, x: Tensor) -> list[Tensor]:
        outputs = self.session.run(None, {"x": x.contiguous().numpy()})
        return [torch.from_numpy(y).contiguous(memory_format=torch.channels_last) for y in outputs]


class _Early(nn.Module):
    def __init__(self, encoder: nn.Module, blocks: int):
        super().__init__()
        self.encoder, self.blocks = encoder, blocks

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.encoder.early(x, self.blocks)


def _session(network: nn.Module) -> onnxruntime.InferenceSession:
    file = io.BytesIO()
    axes = {"x": {0: "n", 2: "h", 3: "w"}}
    example = torch.zeros(1, 4, 64, 64)
    with warnings.catch_warnings():
        # the tracing exporter announces its successor and the constants it leaves unfolded
        warnings.simplefilter("ignore")
        # it leaves every batch norm in the mode of the whole: whoever freezes statistics does so afterwards
        torch.onnx.export(network, (example,), file, input_names=["x"], dynamic_axes=axes, dynamo=False)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(file.getvalue(), settings)
