"""Networks as ONNX graphs of any batch, height and width."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

File = TypeVar("File", Path, io.BytesIO)


def write_graph(network: nn.Module, example: torch.Tensor, source: str, targets: list[str], file: File) -> File:
    """Writes the graph from the input `source` to the outputs `targets`, all [N, C, H, W], and gives `file` back.

    Afterwards every module of `network` is in the mode (training or not) of `network` itself.
    """
    axes = {0: "batch", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        # the tracing exporter announces its successor and the constants it leaves unfolded
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(file) if isinstance(file, Path) else file,
            input_names=[source],
            output_names=targets,
            dynamic_axes={name: dict(axes) for name in (source, *targets)},
            opset_version=17,
            dynamo=False,
        )
    return file
