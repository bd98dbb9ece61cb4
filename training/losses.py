"""The paper's losses (section 4.4). Each returns its named terms and `total`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

GAMMA = 0.5
LAMBDA = 0.01


def prediction_loss(alpha: Tensor, sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """L_p = γ·|α_p - α_g| + (1 - γ)·|c_p - c_g|, mean over the whole picture.

    `sample` holds the true alpha [N, 1, H, W] and the true foreground and background [N, 3, H, W]; c is their
    composite.
    """
    truth, foreground, background = sample["alpha"], sample["foreground"], sample["background"]
    alpha_term = (alpha - truth).abs().mean()
    # c_p - c_g = (α_p - α_g)·(F - B)
    composite_term = ((alpha - truth) * (foreground - background)).abs().mean()
    total = GAMMA * alpha_term + (1 - GAMMA) * composite_term
    return {"alpha": alpha_term, "composite": composite_term, "total": total}


def joint_loss(alpha: Tensor, logits: Tensor, labels: Tensor, sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """L = L_p + λ·L_t; L_t is the cross entropy of the trimap `labels` [N, h, w] at the logits' size."""
    terms = prediction_loss(alpha, sample)
    trimap_term = F.cross_entropy(logits, labels)
    return terms | {"trimap": trimap_term, "total": terms["total"] + LAMBDA * trimap_term}
