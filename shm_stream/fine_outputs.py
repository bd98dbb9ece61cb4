"""Outputs of more than 8 bits, from a frame's fine picture and the subject's alpha."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .controls import Controls
from .edit import Subject, edit_subject
from .foreground import estimate_foreground
from .frame import Frame


def fine_outputs(
    frame: Frame, drawn: Subject, edits: Controls | None, kinds, background: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Kind → float32, 0 to 1 (colours beyond, where the frame has such), for each of `kinds`.

    drawn       the subject's alpha before `edits`
    background  [H, W, 3] float32 RGB, needed for "composite"

    "composite" and "foreground" are [H, W, 3], "alpha" is [H, W], "transparent" [H, W, 4] straight.
    """
    fine = frame.fine if {*kinds} - {"alpha"} else None  # of planes that is a conversion to RGB
    colours = estimate_foreground(fine, drawn.alpha) if {"foreground", "transparent"} & set(kinds) else None
    subject = replace(drawn, picture=fine if "composite" in kinds else None, foreground=colours)
    if edits:
        subject = edit_subject(subject, edits, background)
    made = {"alpha": subject.alpha, "foreground": subject.foreground}
    if "composite" in kinds:
        made["composite"] = fine_composite(subject.picture, subject.alpha, background)
    if "transparent" in kinds:
        made["transparent"] = np.dstack([subject.foreground, subject.alpha])
    return {kind: made[kind] for kind in kinds}


def fine_composite(fine: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
    """alpha * fine + (1 - alpha) * background: [H, W, 3], [H, W] and [H, W, 3] float32 → [H, W, 3] float32.

    In the source's encoding, as 8-bit composites are, so that both look the same.
    """
    return background + cv2.merge([alpha] * 3) * (fine - background)
