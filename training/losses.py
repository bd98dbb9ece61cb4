"""The paper's losses (section 4.4). Each returns its named terms, which logs show, and `total`, which training lowers.

total       L = L_p + λ·L_t of the stage, as far as it has them
L_p         γ·alpha + (1 - γ)·composite
L_t         cross entropy of the trimap
alpha       |α_p - α_g|, mean over the pixels
composite   |c_p - c_g|, mean over pixels and channels
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

GAMMA = 0.5
LAMBDA = 0.01


def prediction_loss(alpha: Tensor, sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """L_p = γ·|α_p - α_g| + (1 - γ)·|c_p - c_g|, mean over the whole picture.

    `sample` holds the true alpha [N, 1, H, W] and the true foreground and background [N, 3, H, W]; c is their
    composite. With `counted` [N, 1, H, W] an error is multiplied by it: 0 where the truth is not known.
    """
    truth, foreground, background = sample["alpha"], sample["foreground"], sample["background"]
    error = (alpha - truth) * sample.get("counted", 1)
    alpha_term = error.abs().mean()
    # c_p - c_g = (α_p - α_g)·(F - B)
    composite_term = (error * (foreground - background)).abs().mean()
    total = GAMMA * alpha_term + (1 - GAMMA) * composite_term
    return {"total": total, "L_p": total, "alpha": alpha_term, "composite": composite_term}


def joint_loss(alpha: Tensor, logits: Tensor, labels: Tensor, sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """L = L_p + λ·L_t; L_t is the cross entropy of the trimap `labels` [N, h, w] at the logits' size."""
    terms = prediction_loss(alpha, sample)
    trimap_term = F.cross_entropy(logits, labels)
    return terms | {"total": terms["L_p"] + LAMBDA * trimap_term, "L_t": trimap_term}
