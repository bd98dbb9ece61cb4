"""The last stage of a frame on a CPU: logits and alpha_raw → the outputs asked for, with what the controls say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .background import Background
from .buffers import BufferPool, Canvas
from .controls import NEUTRAL, Controls
from .edit import Subject, edit_subject
from .fine_outputs import fine_outputs
from .foreground import estimate_foreground
from .fuse import fuse_composite
from .fuse_arguments import Picture
from .guides import Guides
from .hold import Held, copy_picture
from .light import logits_of
from .live_controls import LiveControls, Setting
from .placement import mirrored, mirrored_frame
from .planes import new_planes
from .prior import softmax
from .trimap import Trimap
from .work import Work

OUTPUT_KINDS = ("composite", "alpha", "foreground", "transparent")


class FuseStage:
    """What `Engine` does with a matte; the arrays that frames are made in go round here."""

    def __init__(
        self, *, outputs=("alpha",), background=None, controls=None, planar=False, fine=(), guides=None, threads=1
    ):
        """`outputs`: which of OUTPUT_KINDS `fuse` makes; `composite` needs an opened `background`, or LiveControls
        as `controls`, which bring one that may change from frame to frame.

        `fine`: which outputs are float32, 0 to 1, instead of uint8; these composites are never planes.
        `guides`: what a user says about where people are.
        `threads`: of each kernel on the CPU.
        `planar`: composites of frames that are planes stay planes, of the same matrix and range.
        """
        self.controls = controls or LiveControls(NEUTRAL, background)
        self.outputs = check_outputs(outputs, self.controls.setting.background)
        self.planar, self.fine = planar, frozenset(fine)
        self.guides = guides or Guides()
        self._pool, self._canvases = BufferPool(), BufferPool(make=Canvas)
        self._held, self._threads = Held(), threads

    def fuse(self, work: Work) -> Work:
        """Logits and alpha_raw → the outputs asked for, in one pass over the pixels (and one for the foreground).

        What the controls do to the subject is done in between; while they do nothing, nothing is in between.
        """
        setting = self.controls.take(work.frame)
        if self._held.repeats(setting.controls):
            work.outputs = self._held.copies()
            return work
        if setting.controls.mirror:
            self._mirror(work)
        self._fuse(work, setting)
        if setting.controls.hold != "none":
            self._hold(work, setting.controls)
        return work

    def _fuse(self, work: Work, setting: Setting) -> None:
        wanted, fine, edits = self.outputs - self.fine, self.outputs & self.fine, edits_of(setting, self.guides)
        frame, background, composite = self._pictures(work, setting) if "composite" in wanted else (None, None, None)
        behind = self._fine_background(work, setting.background) if "composite" in fine else None
        drawn = self._guided(work, self._alpha_as_drawn(work), edits.mirror) if edits else None
        foreground, estimates = None, wanted & {"foreground", "transparent"}
        if edits:
            frame, foreground = self._edit(work, drawn, edits, frame, background)
        size = work.frame.size
        alpha8 = self._borrow(work, size, np.uint8) if wanted & {"alpha", "transparent"} else None
        alpha = self._borrow(work, size, np.float32) if fine or (estimates and foreground is None) else None
        rooms = {"composite": composite, "alpha": alpha, "alpha8": alpha8}
        if any(room is not None for room in rooms.values()):  # of edited colours alone there is nothing left to fuse
            fuse_composite(work.logits, work.alpha_raw, frame, background, **rooms, threads=self._threads)
        if estimates and foreground is None:
            foreground = estimate_foreground(work.frame.pixels, alpha)
        transparent = self._transparent(work, foreground, alpha8) if "transparent" in wanted else None
        made = {"composite": composite, "alpha": alpha8, "foreground": foreground, "transparent": transparent}
        work.outputs = {kind: made[kind] for kind in wanted}
        if fine:
            work.outputs |= fine_outputs(work.frame, drawn or Subject(alpha), edits, fine, behind)

    def _alpha_as_drawn(self, work: Work) -> np.ndarray:
        """[H, W] float32, of a buffer that goes round."""
        drawn = self._borrow(work, work.frame.size, np.float32)
        fuse_composite(work.logits, work.alpha_raw, alpha=drawn, threads=self._threads)
        return drawn

    def _edit(self, work: Work, drawn: Subject, edits: Controls, frame: Picture | None, background) -> tuple:
        """(picture to composite, foreground where an output wants one); `work` holds the edited alpha from here on."""
        subject = edit_subject(self._coloured(work, drawn, frame), edits, background)
        self._take_alpha(work, subject.alpha)
        return subject.picture, subject.foreground

    def _take_alpha(self, work: Work, alpha: np.ndarray) -> None:
        """Let fusion give alpha [H, W] float32."""
        work.logits, work.alpha_raw = logits_of(alpha), alpha

    def _coloured(self, work: Work, drawn: Subject, picture: Picture | None) -> Subject:
        """With the picture to composite, and foreground colours where an output of 8 bits wants them."""
        estimates = (self.outputs - self.fine) & {"foreground", "transparent"}
        colours = estimate_foreground(work.frame.pixels, drawn.alpha) if estimates else None
        return replace(drawn, picture=picture, foreground=colours)

    def _guided(self, work: Work, alpha: np.ndarray, mirror: bool) -> Subject:
        """The subject, as far as the guides say that it is one."""
        bounds = self.guides.bounds(work.frame, mirror)
        chosen = self.guides.choose(alpha, work.new_scene)
        if self.guides.person is not None:
            work.left = replace(work.left, person=self.guides.followed)
        return Subject(bounds.apply(chosen), bounds=bounds)

    def _mirror(self, work: Work) -> None:
        work.frame, work.mirrored = mirrored_frame(work.frame), True
        work.logits = np.ascontiguousarray(work.logits[..., ::-1])
        work.alpha_raw = mirrored(work.alpha_raw)

    def _hold(self, work: Work, controls: Controls) -> None:
        """Show the slate, or keep what is to be repeated from now on."""
        if controls.hold == "freeze":
            self.wait(work)
            self._held.keep(work.outputs)
        elif "composite" in work.outputs and self.controls.slate is not None:
            card = self.controls.slate.planes_at if self._composites_planes(work) else self.controls.slate.at
            work.outputs["composite"] = copy_picture(card(work.frame))

    def _fine_background(self, work: Work, behind: Background) -> np.ndarray:
        """[H, W, 3] float32 RGB; the scene itself is as precise as it came. Asked for before edits change logits."""
        if behind.kind == "off":
            return work.frame.fine
        return behind.at(work.frame, self._probability(work, behind)) * np.float32(1 / 255)

    def alpha(self, work: Work) -> np.ndarray:
        """Logits and alpha_raw → alpha [H, W] float32 in 0..1, a fresh array."""
        alpha = np.empty(work.frame.size, np.float32)
        fuse_composite(work.logits, work.alpha_raw, alpha=alpha, threads=self._threads)
        return alpha

    def wait(self, work: Work) -> None:
        """Returns when the outputs can be read: at once on a CPU."""

    def release(self, work: Work) -> None:
        """Take the output arrays back once nobody reads them any more."""
        work.outputs = {}
        while work.borrowed:
            self._pool.give(work.borrowed.pop())
        if work.canvas:
            self._canvases.give(work.canvas)
            work.canvas = None

    def _composites_planes(self, work: Work) -> bool:
        return self.planar and work.frame.planes is not None

    def _pictures(self, work: Work, setting: Setting) -> tuple:
        """(frame, background, room for the composite): all planes, else all RGB."""
        behind, planes = setting.background, work.frame.planes
        if not self._composites_planes(work):
            room = self._borrow(work, (*work.frame.size, 3), np.uint8)
            return work.frame.pixels, behind.at(work.frame, self._probability(work, behind)), room
        background = behind.planes_at(work.frame, self._probability(work, behind))
        # a frame of its own each time: the encoder may keep it for as long as it likes
        return planes, background, new_planes(*planes.size, planes.tags)

    def _probability(self, work: Work, background) -> np.ndarray | None:
        """B_s [h, w], which only a blurred background looks at."""
        return softmax(work.logits)[Trimap.BACKGROUND] if background.kind == "blur" else None

    def _transparent(self, work: Work, foreground: np.ndarray, alpha8: np.ndarray) -> np.ndarray:
        """Straight RGBA: [H, W, 3] colours and [H, W] alpha → [H, W, 4] uint8."""
        rgba = self._borrow(work, (*alpha8.shape, 4), np.uint8)
        cv2.mixChannels([foreground, alpha8], [rgba], [0, 0, 1, 1, 2, 2, 3, 3])
        return rgba

    def _borrow(self, work: Work, shape: tuple[int, ...], dtype) -> np.ndarray:
        array = self._pool.take(shape, dtype)
        work.borrowed.append(array)
        return array


def edits_of(setting: Setting, guides: Guides) -> Controls | None:
    """What is to be done to the subject, or None: before the scene itself it is left as it is, but for the guides."""
    off = setting.background is not None and setting.background.kind == "off"
    if setting.controls.edits and not off:
        return setting.controls
    return replace(NEUTRAL, mirror=setting.controls.mirror) if guides.edits else None


def check_outputs(outputs, background) -> frozenset[str]:
    """The wanted outputs as a set. Raises ValueError for outputs that do not exist or lack a background."""
    unknown = set(outputs) - set(OUTPUT_KINDS)
    if unknown or not outputs:
        raise ValueError(f"outputs must be some of {', '.join(OUTPUT_KINDS)}, got {sorted(outputs)}")
    if "composite" in outputs and background is None:
        raise ValueError("a composite needs an opened background")
    return frozenset(outputs)
