"""What the numbers of an output mean: straight or premultiplied colours, linear light or encoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .delivery import PREMULTIPLIED, STRAIGHT, Delivery
from .errors import InputError
from .transfer import linear_from_srgb

STRAIGHT_ONLY = {
    ".png": "the PNG standard",
    ".webp": "the WebP standard",
    ".webm": "what browsers take WebM for",
}
"""Extensions whose colours are straight by definition → whose definition."""
MAY_BE_LINEAR = frozenset({".exr", ".tif", ".tiff"})
PQ, HLG = 16, 18
"""Transfer characteristics of HDR (H.273)."""


@dataclass(frozen=True)
class Convention:
    """What the numbers of an output mean. `apply` makes them so."""

    alpha_mode: str = STRAIGHT
    linear: bool = False

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, 3] RGB or [H, W, 4] straight RGBA, encoded, uint8 or float32 → the same form by this convention.

        Greys ([H, W] alpha) stay as they are. Only float32 becomes linear.
        """
        if picture.ndim == 2 or self == Convention():
            return picture
        colours = linear_from_srgb(picture[..., :3]) if self.linear else picture[..., :3]
        if picture.shape[2] == 3:
            return colours
        alpha = picture[..., 3:]
        if self.alpha_mode == PREMULTIPLIED:
            colours = colours * alpha if picture.dtype == np.float32 else _scaled(colours, alpha)
        return np.concatenate([colours, alpha], axis=2)


def _scaled(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """uint8 colours times uint8 alpha, rounded."""
    return ((colours.astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)


def convention_for(path: Path, suffix: str, kind: str, delivery: Delivery, source) -> Convention:
    """The convention of an output with that extension: linear and premultiplied in EXR, else encoded and straight.

    Raises InputError for what the format cannot be.
    """
    exr = suffix == ".exr"
    mode = delivery.alpha_mode or (PREMULTIPLIED if exr else STRAIGHT)
    if kind != "transparent":
        mode = STRAIGHT
    elif mode == PREMULTIPLIED and suffix in STRAIGHT_ONLY:
        raise InputError(
            f"cannot write {path} premultiplied: {suffix} is straight by {STRAIGHT_ONLY[suffix]}; use .exr, .tif, "
            f".mov or .mkv"
        )
    linear = kind != "alpha" and (exr if delivery.linear is None else delivery.linear)
    if linear and suffix not in MAY_BE_LINEAR:
        raise InputError(f"cannot write {path} linear: {suffix} holds encoded colours; use .exr or .tif")
    if linear and source.colour.transfer in (PQ, HLG):
        raise InputError(f"{source.path} is HDR (PQ or HLG), whose linear light is not known here; give --srgb to keep "
                         f"its values as they are")  # fmt: skip
    return Convention(mode, linear)


def convention_facts(convention: Convention, kind: str) -> dict:
    """The convention in words, for the sidecar."""
    facts = {} if kind == "alpha" else {"colours": "linear" if convention.linear else "encoded"}
    return facts | ({"alpha_mode": convention.alpha_mode} if kind == "transparent" else {})
