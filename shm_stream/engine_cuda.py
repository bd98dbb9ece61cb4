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

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.cuda import Event, Stream
from torch.cuda import stream as on_stream

from . import torch_ops
from .colour import ColourTags
from .controls import Controls
from .device_pictures import Transfer, fuse_composite, gather, prepare
from .device_planes import DevicePlanes
from .edit import Subject, edit_subject
from .engine import Engine
from .engine_fuse import edits_of
from .fine_outputs import fine_outputs
from .foreground import estimate_foreground
from .fuse_arguments import Picture
from .hold import copy_picture
from .light import logits_of
from .live_controls import Setting
from .placement import mirrored_frame
from .prepare import reduces
from .prior import tnet_shape
from .work import Work
from .yuv_planes import YuvPlanes


@dataclass
class OnDevice:
    """What a work item has on the GPU."""

    frame: list[Tensor]
    """[H, W, 3] uint8 RGB, or planes Y, U, V"""
    logits: Tensor
    """[3, h, w] float32"""
    logits_ready: Event
    alpha_raw: Tensor | None = None
    """[H, W] float32"""
    background: list[Tensor] | None = None
    """What the frame is"""
    outputs_ready: Event | None = None
    replaced: list[Tensor] = field(default_factory=list)
    """What edits took the place of: the streams may still be reading it."""


class CudaEngine(Engine):
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

    def _picture(self, work: Work) -> Picture:
        """The frame as it is, or RGB where composites are RGB."""
        needs_rgb = "composite" in self.outputs - self.fine and not self.planar
        return work.frame.pixels if needs_rgb else work.frame.picture

    def _reduce(self, work: Work, frame: list[Tensor], shape: tuple[int, int]) -> Picture:
        """What T-Net is shown, on the host: at its size, or the frame itself if that is smaller."""
        if not reduces(work.frame.size, *shape):
            return work.frame.picture
        reduced, ready = self._transfer.download(prepare(frame, _tags(work), *shape)), Event()
        ready.record(self._tnet_stream)
        ready.synchronize()
        return reduced

    def _tnet_logits(self, x: np.ndarray) -> Tensor:
        """[1, 4, h, w] float32 → [3, h', w'] float32."""
        logits = self.runner.network.tnet(self._transfer.upload(x).contiguous(memory_format=torch.channels_last))[0]
        return logits.float().contiguous()

    @torch.inference_mode()
    def _draw_alpha_raw(self, work: Work) -> Work:
        there = work.on_device
        height, width = work.frame.size
        halo = self.runner.halo
        with on_stream(self._mnet_stream):
            self._mnet_stream.wait_event(there.logits_ready)
            window = (-halo, -halo, *self.padded_size(height, width))
            x = gather(there.frame, _tags(work), there.logits, *window)
            alpha_raw = self.runner.network.mnet(x[None].contiguous(memory_format=torch.channels_last))
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
            self._replace(work, work.on_device.frame, self._transfer.upload(work.logits), self._transfer.upload(alpha))

    @torch.inference_mode()
    def _fuse(self, work: Work, setting: Setting) -> None:
        there, wanted, fine = work.on_device, self.outputs - self.fine, self.outputs & self.fine
        behind = setting.background
        there.logits_ready.synchronize()  # long past: a blurred background reads the logits on the host
        background = self._behind(work, behind) if "composite" in wanted else None
        fine_behind = self._fine_background(work, behind) if "composite" in fine else None
        edits = edits_of(setting, self.guides)
        drawn = self._guided(work, self.alpha(work), edits.mirror) if edits else None
        foreground = self._edit_on_host(work, drawn, edits, background) if edits else None
        with on_stream(self._mnet_stream):
            there.background = there.frame if background is None else self._transfer.keep(background)
            composite, alpha = fuse_composite(there.logits, there.alpha_raw, there.frame, there.background)
            alpha8 = (alpha * 255 + 0.5).to(torch.uint8)
            work.outputs = {kind: self._transfer.download(alpha8) for kind in wanted & {"alpha", "transparent"}}
            if "composite" in wanted:
                work.outputs["composite"] = self._composite(composite, _tags(work))
            host_alpha = self._transfer.download(alpha) if fine or wanted & {"foreground", "transparent"} else None
            there.outputs_ready = Event()
            there.outputs_ready.record(self._mnet_stream)
        if host_alpha is not None:
            self.wait(work)
            self._add_foreground(work, host_alpha, foreground)
        if fine:
            work.outputs |= fine_outputs(work.frame.fine, drawn or Subject(host_alpha), edits, fine, fine_behind)

    def _composite(self, picture: list[Tensor], tags: ColourTags | None) -> Picture:
        if self._composites_stay and len(picture) == 3:
            return DevicePlanes(picture, tags)
        return self._transfer.download_picture(picture, tags)

    def _behind(self, work: Work, behind) -> Picture:
        """The background as a picture of the frame's kind."""
        at = behind.planes_at if self._composites_planes(work) else behind.at
        return at(work.frame, self._probability(work, behind))

    @torch.inference_mode()
    def _mirror(self, work: Work) -> None:
        there = work.on_device
        there.logits_ready.synchronize()
        work.frame, work.mirrored = mirrored_frame(work.frame), True
        work.logits = np.ascontiguousarray(work.logits[..., ::-1])
        with on_stream(self._mnet_stream):
            frame = self._transfer.upload_picture(self._picture(work))
            self._replace(work, frame, there.logits.flip(2), there.alpha_raw.flip(1))

    def _edit_on_host(self, work: Work, drawn: Subject, edits: Controls, background) -> np.ndarray | None:
        """What the controls say, done on the CPU; returns the foreground where an output wants one."""
        own = self._picture(work)
        picture = own if "composite" in self.outputs - self.fine else None
        subject = edit_subject(self._coloured(work, drawn, picture), edits, background)
        with on_stream(self._mnet_stream):
            frame = self._transfer.upload_picture(own if subject.picture is None else subject.picture)
            logits, alpha = (self._transfer.upload(array) for array in (logits_of(subject.alpha), subject.alpha))
            self._replace(work, frame, logits, alpha)
        return subject.foreground

    @staticmethod
    def _replace(work: Work, frame: list[Tensor], logits: Tensor, alpha_raw: Tensor) -> None:
        there = work.on_device
        there.replaced += [*there.frame, there.logits, there.alpha_raw]
        there.frame, there.logits, there.alpha_raw = frame, logits, alpha_raw

    @torch.inference_mode()
    def alpha(self, work: Work) -> np.ndarray:
        there = work.on_device
        with on_stream(self._mnet_stream):
            _, alpha = fuse_composite(there.logits, there.alpha_raw, there.frame, there.frame)
            result = self._transfer.download(alpha)
            there.outputs_ready = Event()
            there.outputs_ready.record(self._mnet_stream)
        there.outputs_ready.synchronize()
        return result.copy()  # the pinned original goes back to the cache

    def wait(self, work: Work) -> None:
        if work.on_device.outputs_ready is not None:  # else the outputs are copies of an earlier frame's
            work.on_device.outputs_ready.synchronize()
        composite = work.outputs.get("composite")
        if isinstance(composite, YuvPlanes) and composite.frame is None and not self._composites_stay:
            work.outputs["composite"] = copy_picture(composite)  # encoders take frames of FFmpeg's

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


def _tags(work: Work):
    """What the numbers of the frame's planes mean; None for RGB, where nobody asks."""
    return work.frame.planes.tags if work.frame.planes else None
