"""A runner with T-Net alone, to see what M-Net adds."""

from __future__ import annotations

import numpy as np


class WithoutMNet:
    """Wraps a runner; alpha_raw is one half everywhere, so that alpha is F_s + U_s/2."""

    def __init__(self, runner):
        self.name, self.device = runner.name, runner.device
        self.halo, self.multiple, self.tnet = runner.halo, runner.multiple, runner.tnet

    def mnet(self, x: np.ndarray) -> np.ndarray:
        _, height, width = x.shape
        return np.full((height - 2 * self.halo, width - 2 * self.halo), 0.5, np.float32)
