"""The pipeline that one would write first: RGB, torch as it comes, M-Net on whole frames, one step after the other."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from shm_stream.fuse_reference import composite_over, fuse_alpha
from shm_stream.matting_network import upsample_trimap
from shm_stream.preset import get_preset
from shm_stream.prior import alpha_of, tnet_shape
from shm_stream.runners.torch import load_network


class Naive:
    """A matte as `peers` knows them, for `composite_loop`: our weights, and of our code only what says what to compute.

    Frames are RGB, batch norms are operations of their own, M-Net draws every pixel, fusion and composite are the
    reference in torch operators, which is also what the kernels are compared with.
    """

    def __init__(self, threads: int, preset: str = "live"):
        torch.set_num_threads(threads)
        self._network, self._tnet_size = load_network(preset), get_preset(preset).tnet_size
        self._prior: torch.Tensor | None = None

    def reset(self) -> None:
        """The next frame is the first of a clip."""
        self._prior = None

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> torch.Tensor:
        """[H, W, 3] uint8 RGB → alpha [H, W] float32 in 0..1."""
        frame = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        shape = tnet_shape(*image.shape[:2], self._tnet_size)
        reduced = F.interpolate(frame, size=shape, mode="area")
        prior = torch.zeros(1, 1, *shape) if self._prior is None else self._prior
        logits = self._network.tnet(torch.cat([reduced, prior], 1))
        self._prior = F.interpolate(alpha_of(logits[0].softmax(0))[None, None], size=shape, mode="bilinear")
        alpha_raw = self._network.draw(torch.cat([frame, upsample_trimap(logits, image.shape[:2])], 1))
        return fuse_alpha(logits[0], alpha_raw[0, 0])

    @torch.inference_mode()
    def over(self, image: np.ndarray, alpha: torch.Tensor, colour: tuple[int, int, int]) -> np.ndarray:
        """[H, W, 3] uint8 over a colour."""
        background = torch.tensor(colour, dtype=torch.uint8).expand(image.shape)
        return composite_over(alpha, torch.from_numpy(image), background).numpy()
