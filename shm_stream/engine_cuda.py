"""The three stages of a frame on a GPU, with the same results as `engine` up to rounding in the networks.

T-Net of frame t+1 runs on one CUDA stream beside M-Net and fusion of frame t on another. Nothing waits on the host
except for the reduced frame (is it a cut?), T-Net's small logits of the frame before (the prior) and finished outputs.
The order is kept by events:

    T-Net's stream   upload frame → reduce → reduced frame to the host; with the prior → T-Net → logits to the host →
                     `logits_ready`
    M-Net's stream   wait for `logits_ready` → gather → M-Net → fusion → outputs to the host → `outputs_ready`
    sink's thread    `wait`: until `outputs_ready`

A work item keeps its tensors until `release`, after `outputs_ready`, so no memory is used again while the other stream
still reads it. Pinned memory comes from PyTorch's host cache, which knows the copies that use it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.cuda import Event, Stream
from torch.cuda import stream as on_stream

from . import torch_ops
from .device_pictures import Transfer, gather, prepare
from .engine import Engine
from .engine_cuda_fuse import CudaFuseStage
from .fuse_arguments import Picture
from .light import logits_of
from .on_device import OnDevice, tags_of
from .prepare import reduces
from .prior import tnet_shape
from .work import Work


class CudaEngine(CudaFuseStage, Engine):
    """`Engine` for a torch runner on a GPU. Each stage may run in a thread of its own."""

    def __init__(self, runner, *, composites_stay: bool = False, **options):
        """`composites_stay`: planar composites are DevicePlanes, for an encoder there."""
        super().__init__(runner, **options)
        self._composites_stay = composites_stay
        device = torch.device(runner.device)
        self._transfer = Transfer(device)
        self._tnet_stream, self._mnet_stream = Stream(device), Stream(device)
        self._previous: Work | None = None  # whose logits the prior is made of

    @property
    def kernel(self) -> str:
        return torch_ops.cuda_path()

    def reset(self) -> None:
        super().reset()
        self._previous = None

    @torch.inference_mode()
    def tnet(self, work: Work) -> Work:
        if self._previous is not None:
            self._previous.on_device.logits_ready.synchronize()
            self._prior.remember(self._previous.logits)
        if work.after_pause:
            self._prior.reset()
        shape = tnet_shape(*work.frame.size, self.tnet_size)
        with on_stream(self._tnet_stream):
            frame = self._transfer.upload_picture(self._picture(work))
            reduced = self._reduce(work, frame, shape)
        x = None if self._read_trimap(work, reduced, shape) else self._prior.tnet_input(reduced, shape)
        with on_stream(self._tnet_stream):
            logits = self._transfer.upload(work.logits) if x is None else self._tnet_logits(x)
            if x is not None:
                work.logits = self._transfer.download(logits)
            work.on_device = OnDevice(frame, logits, Event())
            work.on_device.logits_ready.record(self._tnet_stream)
        self._note(work)
        if self._uses_prior:
            self._previous = Work(work.frame, logits=work.logits, on_device=work.on_device)
        return work

    def _reduce(self, work: Work, frame: list[Tensor], shape: tuple[int, int]) -> Picture:
        """What T-Net is shown, on the host: at its size, or the frame itself if that is smaller."""
        if not reduces(work.frame.size, *shape):
            return work.frame.picture
        reduced, ready = self._transfer.download(prepare(frame, tags_of(work), *shape)), Event()
        ready.record(self._tnet_stream)
        ready.synchronize()
        return reduced

    def _tnet_logits(self, x: np.ndarray) -> Tensor:
        """[1, 4, h, w] float32 → [3, h', w'] float32."""
        logits = self.runner.network.tnet(self._transfer.upload(x))[0]
        return logits.float().contiguous()

    @torch.inference_mode()
    def _draw_alpha_raw(self, work: Work) -> Work:
        there = work.on_device
        height, width = work.frame.size
        halo = self.runner.halo
        with on_stream(self._mnet_stream):
            self._mnet_stream.wait_event(there.logits_ready)
            window = (-halo, -halo, *self.padded_size(height, width))
            x = gather(there.frame, tags_of(work), there.logits, *window)
            alpha_raw = self.runner.network.mnet(x[None])
            there.alpha_raw = alpha_raw[0, 0, :height, :width].float().contiguous()
        return work

    def _wait_for_logits(self, work: Work) -> None:
        work.on_device.logits_ready.synchronize()

    def _take_logits(self, work: Work, logits: np.ndarray) -> None:
        work.logits, there = logits, work.on_device
        there.replaced.append(there.logits)
        with on_stream(self._mnet_stream):
            there.logits = self._transfer.upload(logits)

    def _take_alpha(self, work: Work, alpha: np.ndarray) -> None:
        work.logits = logits_of(alpha)
        with on_stream(self._mnet_stream):
            there = work.on_device
            there.replace(there.frame, self._transfer.upload(work.logits), self._transfer.upload(alpha))

    def release(self, work: Work) -> None:
        super().release(work)
        work.on_device = None
