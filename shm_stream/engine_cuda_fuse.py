"""The last stage of a frame on a GPU: logits and alpha_raw there → outputs on the host, or there for an encoder.

What the controls do to the subject is done on the CPU in between.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.cuda import Event, Stream
from torch.cuda import stream as on_stream

from .colour import ColourTags
from .controls import Controls
from .device_pictures import Transfer, fuse_composite
from .device_planes import DevicePlanes
from .edit import Subject, edit_subject
from .engine_fuse import FuseStage, edits_of
from .fine_outputs import fine_outputs
from .foreground import estimate_foreground
from .fuse_arguments import Picture
from .hold import copy_picture
from .light import logits_of
from .live_controls import Setting
from .on_device import tags_of
from .placement import mirrored_frame
from .work import Work
from .yuv_planes import YuvPlanes


class CudaFuseStage(FuseStage):
    """What `CudaEngine`, which has the streams, does with a matte."""

    _transfer: Transfer
    _mnet_stream: Stream
    _composites_stay: bool

    def _picture(self, work: Work) -> Picture:
        """The frame as it is, or RGB where composites are RGB."""
        needs_rgb = "composite" in self.outputs - self.fine and not self.planar
        return work.frame.pixels if needs_rgb else work.frame.picture

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
                work.outputs["composite"] = self._composite(composite, tags_of(work))
            host_alpha = self._transfer.download(alpha) if fine or wanted & {"foreground", "transparent"} else None
            there.outputs_ready = Event()
            there.outputs_ready.record(self._mnet_stream)
        if host_alpha is not None:
            self.wait(work)
            self._add_foreground(work, host_alpha, foreground)
        if fine:
            work.outputs |= fine_outputs(work.frame, drawn or Subject(host_alpha), edits, fine, fine_behind)

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
            there.replace(frame, there.logits.flip(2), there.alpha_raw.flip(1))

    def _edit_on_host(self, work: Work, drawn: Subject, edits: Controls, background) -> np.ndarray | None:
        """What the controls say, done on the CPU; returns the foreground where an output wants one."""
        own = self._picture(work)
        picture = own if "composite" in self.outputs - self.fine else None
        subject = edit_subject(self._coloured(work, drawn, picture), edits, background)
        with on_stream(self._mnet_stream):
            frame = self._transfer.upload_picture(own if subject.picture is None else subject.picture)
            logits, alpha = (self._transfer.upload(array) for array in (logits_of(subject.alpha), subject.alpha))
            work.on_device.replace(frame, logits, alpha)
        return subject.foreground

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
