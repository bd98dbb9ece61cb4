"""The three stages of a frame on a GPU, with the same results as `engine` up to rounding in the networks.

T-Net of frame t+1 runs on one CUDA stream beside M-Net and fusion of frame t on another. Nothing waits on the host
except for T-Net's small logits of the frame before (the prior) and for finished outputs. The order is kept by events:

    T-Net's stream   upload frame and reduced frame → T-Net → logits to the host → `logits_ready`
    M-Net's stream   wait for `logits_ready` → gather → M-Net → fusion → outputs to the host → `outputs_ready`
    sink's thread    `wait`: until `outputs_ready`

A work item keeps its tensors until `release`, after `outputs_ready`, so no memory is used again while the other stream
still reads it. Pinned memory comes from PyTorch's host cache, which knows the copies that use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.cuda import Event, Stream
from torch.cuda import stream as on_stream

from . import torch_ops
from .controls import Controls
from .edit import edit_subject
from .engine import Engine, edits_of
from .foreground import estimate_foreground
from .light import logits_of
from .live_controls import Setting
from .placement import mirrored
from .prior import tnet_shape
from .work import Work


@dataclass
class OnDevice:
    """What a work item has on the GPU."""

    frame: Tensor
    """[H, W, 3] uint8 RGB"""
    logits: Tensor
    """[3, h, w] float32"""
    logits_ready: Event
    alpha_raw: Tensor | None = None
    """[H, W] float32"""
    background: Tensor | None = None
    """[H, W, 3] uint8 RGB"""
    outputs_ready: Event | None = None
    replaced: list[Tensor] = field(default_factory=list)
    """What edits took the place of: the streams may still be reading it."""


class CudaEngine(Engine):
    """`Engine` for a torch runner on a GPU. Each stage may run in a thread of its own.

    Frames are uploaded as RGB, and composites are RGB whatever `planar` asks for.
    """

    def __init__(self, runner, **options):
        super().__init__(runner, **options)
        self._device = torch.device(runner.device)
        self._tnet_stream, self._mnet_stream = Stream(self._device), Stream(self._device)
        self._previous: Work | None = None  # whose logits the prior is made of
        self._background_on_device: tuple[np.ndarray, Tensor] | None = None

    @property
    def kernel(self) -> str:
        return torch_ops.cuda_path()

    def reset(self) -> None:
        super().reset()
        self._previous = None

    @torch.inference_mode()
    def tnet(self, work: Work) -> Work:
        pixels = work.frame.pixels
        if self._previous is not None:
            self._previous.on_device.logits_ready.synchronize()
            self._prior.remember(self._previous.logits)
        shape = tnet_shape(*work.frame.size, self.tnet_size)
        x = None if self._read_trimap(work, shape) else self._prior.tnet_input(work.frame.picture, shape)
        work.new_scene, work.reduced = self._prior.at_cut, self._prior.picture
        with on_stream(self._tnet_stream):
            frame = self._upload(pixels)
            logits = self._upload(work.logits) if x is None else self._tnet_logits(x)
            if x is not None:
                work.logits = self._download(logits)
            work.on_device = OnDevice(frame, logits, Event())
            work.on_device.logits_ready.record(self._tnet_stream)
        if self._uses_prior:
            self._previous = Work(work.frame, logits=work.logits, on_device=work.on_device)
        return work

    def _tnet_logits(self, x: np.ndarray) -> Tensor:
        """[1, 4, h, w] float32 → [3, h', w'] float32."""
        logits = self.runner.network.tnet(self._upload(x).contiguous(memory_format=torch.channels_last))[0]
        return logits.float().contiguous()

    @torch.inference_mode()
    def _draw_alpha_raw(self, work: Work) -> Work:
        there = work.on_device
        height, width = there.frame.shape[:2]
        halo = self.runner.halo
        with on_stream(self._mnet_stream):
            self._mnet_stream.wait_event(there.logits_ready)
            x = torch_ops.gather(there.frame, there.logits, -halo, -halo, *self.padded_size(height, width))
            alpha_raw = self.runner.network.mnet(x[None].contiguous(memory_format=torch.channels_last))
            there.alpha_raw = alpha_raw[0, 0, :height, :width].float().contiguous()
        return work

    def _take_alpha(self, work: Work, alpha: np.ndarray) -> None:
        work.logits = logits_of(alpha)
        with on_stream(self._mnet_stream):
            self._replace(work, work.on_device.frame, self._upload(work.logits), self._upload(alpha))

    @torch.inference_mode()
    def _fuse(self, work: Work, setting: Setting) -> None:
        there, wanted, fine = work.on_device, self.outputs - self.fine, self.outputs & self.fine
        behind = setting.background
        there.logits_ready.synchronize()  # long past: a blurred background reads the logits on the host
        background = behind.at(work.frame, self._probability(work, behind)) if "composite" in wanted else None
        edits = edits_of(setting, self.guides)
        foreground = self._edit_on_host(work, edits, background) if edits else None
        with on_stream(self._mnet_stream):
            there.background = there.frame if background is None else self._keep_on_device(background)
            composite, alpha = torch_ops.fuse_composite(there.logits, there.alpha_raw, there.frame, there.background)
            alpha8 = (alpha * 255 + 0.5).to(torch.uint8)
            made = {"composite": composite, "alpha": alpha8, "transparent": alpha8}
            work.outputs = {kind: self._download(made[kind]) for kind in wanted if kind in made}
            host_alpha = self._download(alpha) if fine or wanted & {"foreground", "transparent"} else None
            there.outputs_ready = Event()
            there.outputs_ready.record(self._mnet_stream)
        if host_alpha is not None:
            self.wait(work)
            self._add_foreground(work, host_alpha, foreground)
            work.outputs |= self._fine_outputs(work, setting, host_alpha, fine)

    @torch.inference_mode()
    def _mirror(self, work: Work) -> None:
        there = work.on_device
        there.logits_ready.synchronize()
        work.frame = replace(work.frame, picture=mirrored(work.frame.picture))
        work.logits = np.ascontiguousarray(work.logits[..., ::-1])
        with on_stream(self._mnet_stream):
            self._replace(work, there.frame.flip(1), there.logits.flip(2), there.alpha_raw.flip(1))

    def _edit_on_host(self, work: Work, edits: Controls, background: np.ndarray | None) -> np.ndarray | None:
        """What the controls say, done on the CPU; returns the foreground where an output wants one."""
        pixels = work.frame.pixels
        picture = pixels if "composite" in self.outputs else None
        subject = self._guided(work, self.alpha(work), picture, edits.mirror)
        if self.outputs & {"foreground", "transparent"}:
            subject.foreground = estimate_foreground(pixels, subject.alpha)
        subject = edit_subject(subject, edits, background)
        picture = pixels if subject.picture is None else subject.picture
        with on_stream(self._mnet_stream):
            self._replace(work, *(self._upload(array) for array in (picture, logits_of(subject.alpha), subject.alpha)))
        return subject.foreground

    @staticmethod
    def _replace(work: Work, frame: Tensor, logits: Tensor, alpha_raw: Tensor) -> None:
        there = work.on_device
        there.replaced += [there.frame, there.logits, there.alpha_raw]
        there.frame, there.logits, there.alpha_raw = frame, logits, alpha_raw

    @torch.inference_mode()
    def alpha(self, work: Work) -> np.ndarray:
        there = work.on_device
        with on_stream(self._mnet_stream):
            _, alpha = torch_ops.fuse_composite(there.logits, there.alpha_raw, there.frame, there.frame)
            result = self._download(alpha)
            there.outputs_ready = Event()
            there.outputs_ready.record(self._mnet_stream)
        there.outputs_ready.synchronize()
        return result.copy()  # the pinned original goes back to the cache

    def wait(self, work: Work) -> None:
        if work.on_device.outputs_ready is not None:  # else the outputs are copies of an earlier frame's
            work.on_device.outputs_ready.synchronize()

    def release(self, work: Work) -> None:
        super().release(work)
        work.on_device = None

    def _add_foreground(self, work: Work, alpha: np.ndarray, foreground: np.ndarray | None) -> None:
        """The straight colours, where edits have not brought them, are estimated on the CPU, in this stage's thread."""
        wanted = (self.outputs - self.fine) & {"foreground", "transparent"}
        if not wanted:
            return
        if foreground is None:
            foreground = estimate_foreground(work.frame.pixels, alpha)
        if "foreground" in wanted:
            work.outputs["foreground"] = foreground
        if "transparent" in wanted:
            work.outputs["transparent"] = self._transparent(work, foreground, work.outputs["transparent"])

    def _keep_on_device(self, background: np.ndarray) -> Tensor:
        """Still backgrounds are one array for all frames and uploaded once."""
        if self._background_on_device is None or self._background_on_device[0] is not background:
            self._background_on_device = (background, self._upload(background))
        return self._background_on_device[1]

    def _upload(self, array: np.ndarray) -> Tensor:
        host = torch.from_numpy(np.ascontiguousarray(array))
        if self._device.type == "cuda":
            host = host.pin_memory()
        return host.to(self._device, non_blocking=True)

    def _download(self, tensor: Tensor) -> np.ndarray:
        """The array is complete once an event recorded after this call has passed."""
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=self._device.type == "cuda")
        host.copy_(tensor, non_blocking=True)
        return host.numpy()
