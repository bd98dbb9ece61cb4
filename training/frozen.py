"""The part of T-Net's encoder that no longer learns, run by onnxruntime: it folds batch norms and activations into the
convolutions, which a network under training cannot. With six blocks frozen a step takes three fifths of the time of one
with three frozen in torch."""

from __future__ import annotations

import io

import onnxruntime
import torch
from torch import Tensor, nn

from shm_stream.errors import InputError

from .graph import write_graph


def freeze_early(network: nn.Module, blocks: int, device: torch.device) -> None:
    """Stops training the stem and the first `blocks` blocks: the largest maps, and long settled when one goes on from
    trained weights. On a CPU onnxruntime runs them from here on. Exporting them puts the encoder's batch norms in
    training mode, so freeze statistics afterwards. Raises InputError for a T-Net without blocks."""
    if not blocks:
        return
    encoder = network.encoder
    if not hasattr(encoder, "blocks"):
        raise InputError("--frozen-blocks is not for the paper preset; leave it at 0")
    for module in [encoder.stem, *encoder.blocks[:blocks]]:
        module.requires_grad_(False)
    if device.type == "cpu":
        session = early_session(encoder, blocks)

        def forward(x: Tensor) -> list[Tensor]:
            maps = session.run(None, {"frame": x.contiguous().numpy()})
            *early, last = (torch.from_numpy(y).contiguous(memory_format=torch.channels_last) for y in maps)
            return early + encoder.late(last, blocks)

        encoder.forward = forward


class Early(nn.Module):
    """`EfficientNetLite.early` as a network of its own, for export."""

    def __init__(self, encoder: nn.Module, blocks: int):
        super().__init__()
        self.encoder, self.blocks = encoder, blocks

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.encoder.early(x, self.blocks)


def early_session(encoder: nn.Module, blocks: int) -> onnxruntime.InferenceSession:
    file = write_graph(Early(encoder, blocks), torch.zeros(2, 4, 64, 96), "frame", [], io.BytesIO())
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(file.getvalue(), settings)
