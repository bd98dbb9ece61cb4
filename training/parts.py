"""Parts of people as a second lesson for T-Net: who knows hair, skin and clothes takes fewer chairs for people.

The head that learns them exists in training only; `export` leaves it out.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from shm_stream.errors import InputError
from shm_stream.source_images import read_image

from .layout import Example
from .trimaps import IGNORED

PARTS = ("background", "hair", "body skin", "face skin", "clothes", "other")
UNLABELLED = 255
"""In pictures of parts: nobody said what is here."""
HEAD = "parts"
"""Name of the head in T-Net's state dict."""


def parts_path(folder: Path, example: Example) -> Path:
    return folder / example.set_name / f"{example.image.stem}.parts.png"


def check_parts(folder: Path) -> None:
    """Raises InputError for a folder without any picture of parts, from which nothing would be learnt."""
    if not any(folder.glob("*/*.parts.png")):
        raise InputError(f"{folder} holds no <set>/X.parts.png; training.label_parts makes them")


def read_parts(path: Path, size: tuple[int, int]) -> np.ndarray:
    """[H, W] uint8 of the given size (H, W): indices of PARTS, all UNLABELLED where there is no file.

    Raises InputError.
    """
    if not path.exists():
        return np.full(size, UNLABELLED, np.uint8)
    picture = read_image(path)[..., 0]
    if picture.max() >= len(PARTS):
        raise InputError(f"{path} holds other values than 0 to {len(PARTS) - 1}; make it with training.label_parts")
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_NEAREST)


def add_head(tnet: nn.Module) -> None:
    """Gives T-Net a head for parts, on the feature map of stride 8. Raises InputError for a T-Net without `decode`."""
    if not hasattr(tnet, "decode"):
        raise InputError("--parts is not for the paper preset; leave it out")
    tnet.add_module(HEAD, nn.Conv2d(tnet.up[1].channels, len(PARTS), 1))


def without_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A T-Net's state dict as it is without the head."""
    return {name: value for name, value in state.items() if not name.startswith(f"{HEAD}.")}


def parts_loss(tnet: nn.Module, features: Tensor, parts: Tensor) -> Tensor:
    """Cross entropy of the parts [N, H, W] (IGNORED: not counted) at the middle of each cell of `features`."""
    step = parts.shape[-1] // features.shape[-1]
    return F.cross_entropy(tnet.get_submodule(HEAD)(features), parts[:, step // 2 :: step, step // 2 :: step])


def part_labels(parts: np.ndarray) -> np.ndarray:
    """[H, W] uint8 → [H, W] int64 with IGNORED for UNLABELLED."""
    return np.where(parts == UNLABELLED, IGNORED, parts.astype(np.int64))
