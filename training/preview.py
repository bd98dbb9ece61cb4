"""Pictures of a run under way: input, prediction and truth side by side."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shm_stream.trimap import Trimap

from .layout import write_picture
from .trimaps import IGNORED

GAP = 4
"""Pixels between two pictures."""


class Preview(NamedTuple):
    """A batch to be looked at."""

    image: Tensor
    """[N, 3 or more, H, W] RGB 0..1; further channels are not shown."""
    guess: Tensor
    """[N, 1, h, w] alpha 0..1."""
    truth: Tensor
    """[N, 1, h, w] alpha 0..1."""


def trimap_alpha(logits: Tensor) -> Tensor:
    """[N, 3, h, w] → [N, 1, h, w]: F_s + U_s/2."""
    shares = logits.detach().float().softmax(1)
    return (shares[:, Trimap.FOREGROUND] + shares[:, Trimap.UNKNOWN] / 2)[:, None]


def label_alpha(labels: Tensor) -> Tensor:
    """[N, h, w] classes → [N, 1, h, w]: 1 foreground, 1/2 unknown, 1/4 where no label counts, 0 background."""
    shades = {Trimap.FOREGROUND: 1.0, Trimap.UNKNOWN: 0.5, IGNORED: 0.25}
    return sum((labels == label).float() * shade for label, shade in shades.items())[:, None]


@torch.no_grad()
def grid(preview: Preview, rows: int = 6) -> np.ndarray:
    """[h, w, 3] uint8 RGB: one sample a row; input, prediction, truth."""
    size = preview.image.shape[2:]
    columns = [preview.image[:rows, :3]]
    greys = [F.interpolate(x[:rows].float(), size=size) for x in (preview.guess, preview.truth)]
    columns += [grey.expand(-1, 3, -1, -1) for grey in greys]
    cells = torch.stack([F.pad(c.float().cpu(), (0, GAP, 0, GAP)) for c in columns], 1)  # [N, 3, 3, H, W]
    sheet = cells.permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)  # [N·H, 3·W, 3]
    return (sheet.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


def write(path: Path, preview: Preview) -> None:
    write_picture(path, grid(preview))
