"""The three stages of a frame on a CPU: T-Net, M-Net, fusion. `engine_cuda` is the same on a GPU.

Each stage may run in a thread of its own: a stage touches only the work item it was given and its own state.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from . import native
from .buffers import BufferPool, Canvas
from .controls import NEUTRAL, Controls
from .edit import Subject, edit_subject
from .errors import InputError
from .fine_outputs import fine_outputs
from .foreground import estimate_foreground
from .fuse import fuse_composite, gather
from .fuse_arguments import Picture
from .guides import Guides
from .hold import Held, copy_picture
from .light import logits_of
from .live_controls import LiveControls, Setting
from .placement import mirrored
from .planes import new_planes
from .prior import Prior, PriorState, softmax, tnet_shape
from .quality import Level
from .tiles import TILE, active_blocks, active_tiles
from .trimap import Trimap
from .user_trimap import impose, trimap_logits
from .work import Work

OUTPUT_KINDS = ("composite", "alpha", "foreground", "transparent")


class Engine:
    """Runs one stream of frames through `runner`; the prior alpha makes it stateful (`reset` forgets it)."""

    def __init__(
        self,
        runner,
        *,
        tnet_size: int,
        uses_prior: bool = True,
        outputs=("alpha",),
        background=None,
        controls=None,
        dense=False,
        planar=False,
        fine=(),
        guides=None,
    ):
        """`outputs`: which of OUTPUT_KINDS `fuse` makes; `composite` needs an opened `background`, or LiveControls
        as `controls`, which bring one that may change from frame to frame.

        `dense`: M-Net draws the whole frame instead of the parts where it can matter.
        `fine`: which outputs are float32, 0 to 1, instead of uint8; these composites are never planes. Controls leave
        their colours as they are.
        `guides`: what a user says about where people are.
        `planar`: composites of frames that are planes stay planes, of the same matrix and range.
        """
        check_tnet_size(tnet_size)
        self.runner = runner
        self.tnet_size = tnet_size
        self.most_drawn = 1.0
        self.controls = controls or LiveControls(NEUTRAL, background)
        self.outputs = check_outputs(outputs, self.controls.setting.background)
        self._uses_prior = uses_prior
        self._prior = Prior()
        self._pool = BufferPool()
        self._canvases = BufferPool(make=Canvas)
        # without a halo M-Net sees the whole frame at once, and no part can be computed alone
        self._dense = dense or runner.halo == 0
        self.planar = planar
        self.fine = frozenset(fine)
        self.guides = guides or Guides()
        self._held = Held()
        self._gathered: np.ndarray | None = None  # M-Net's input, used by one thread only

    @property
    def kernel(self) -> str:
        """Name of the path the per-pixel kernels take."""
        return native.path_name()

    @property
    def stages(self) -> list:
        """(name, function) for `pipeline.run`."""
        return [("tnet", self.tnet), ("mnet", self.mnet), ("fuse", self.fuse)]

    def reset(self) -> None:
        """Forget the previous frame. Only while no frame is between the stages."""
        self._prior.reset()

    def use(self, level: Level, size: tuple[int, int]) -> None:
        """Let the networks cost no more than `level` from the next frame on; `size`: (H, W) of frames. From any thread:
        a runner that compiles T-Net for each of its sizes does so here, while frames go on."""
        self.prepare(size, level.tnet_size)
        self.tnet_size, self.most_drawn = level.tnet_size, level.most_drawn

    def prepare(self, size: tuple[int, int], tnet_size: int | None = None) -> None:
        """Compile T-Net for frames of `size`, where the runner does that, so that the first one need not wait."""
        if hasattr(self.runner, "compile_tnet"):
            self.runner.compile_tnet(tnet_shape(*size, tnet_size or self.tnet_size))

    def resume(self, state: PriorState) -> None:
        """Go on after the frame that left `state`. Only while no frame is between the stages."""
        self._prior.restore(state)

    def tnet(self, work: Work) -> Work:
        """Reduced frame and prior alpha → logits; or a user's trimap → logits."""
        shape = tnet_shape(*work.frame.size, self.tnet_size)
        if not self._read_trimap(work, work.frame.picture, shape):
            x = self._prior.tnet_input(work.frame.picture, shape)
            work.logits = np.ascontiguousarray(self.runner.tnet(x))  # torch may answer in channels-last order
        work.new_scene, work.reduced = self._prior.at_cut, self._prior.picture
        if self._uses_prior:
            self._prior.remember(work.logits)
        return work

    def _read_trimap(self, work: Work, picture: Picture, shape: tuple[int, int]) -> bool:
        """Whether a user's trimap, the work's own or that of the guides, takes the place of T-Net, which would see
        `picture`."""
        if work.trimap is None and self.guides.trimap is not None:
            work.trimap = self.guides.trimap.at(work.frame)
        if work.trimap is not None:
            self._prior.see(picture, shape)
            work.logits = trimap_logits(work.trimap)
        return work.trimap is not None

    def mnet(self, work: Work) -> Work:
        """Full-size frame and trimap → alpha_raw, where alpha depends on it; elsewhere 0.5 is least wrong."""
        work = self._draw_alpha_raw(work)
        if work.trimap is not None:
            alpha = self.alpha(work)
            impose(work.trimap, alpha)
            self._take_alpha(work, alpha)
        return work

    def _take_alpha(self, work: Work, alpha: np.ndarray) -> None:
        """Let fusion give alpha [H, W] float32."""
        work.logits, work.alpha_raw = logits_of(alpha), alpha

    def _draw_alpha_raw(self, work: Work) -> Work:
        if hasattr(self.runner, "draw"):
            return self._draw_blocks(work)
        height, width = work.frame.size
        side = TILE - TILE % self.runner.multiple
        wanted = None if self._dense else active_tiles(work.logits, height, width, side)
        if wanted is None or self._whole_is_cheaper(len(wanted), side, height, width):
            work.alpha_raw = np.ascontiguousarray(self._draw(work, 0, 0, height, width))
            return work
        work.alpha_raw = self._borrow(work, (height, width), np.float32)
        work.alpha_raw.fill(0.5)
        for top, left in wanted:
            tile = self._draw(work, top, left, min(side, height), min(side, width))
            work.alpha_raw[top : top + side, left : left + side] = tile[: height - top, : width - left]
        return work

    def _draw_blocks(self, work: Work) -> Work:
        size, block = work.frame.size, self.runner.multiple
        grid = [-(-pixels // block) for pixels in size]
        wanted = np.ones(grid, np.uint8)
        if not self._dense:
            wanted = active_blocks(work.logits, *size, block, most=self.most_drawn)
        work.canvas = canvas = self._canvases.take(size, np.float32)
        stale, canvas.drawn = canvas.drawn, wanted
        self.runner.draw(work.frame.picture, work.logits, wanted, canvas.alpha_raw, stale)
        work.alpha_raw = canvas.alpha_raw
        return work

    def _whole_is_cheaper(self, tiles: int, side: int, height: int, width: int) -> bool:
        """Each tile pays for its own halo: many of them cost more than the frame in one piece."""
        tile, whole = self.padded_size(side, side), self.padded_size(height, width)
        return tiles * tile[0] * tile[1] > whole[0] * whole[1]

    def _draw(self, work: Work, top: int, left: int, height: int, width: int) -> np.ndarray:
        """alpha_raw [height, width] of a window. Outside the frame its edge is repeated: for the halo, whole blocks."""
        halo, padded = self.runner.halo, self.padded_size(height, width)
        if self._gathered is None or self._gathered.shape[1:] != padded:
            self._gathered = np.empty((6, *padded), np.float32)
        gather(work.frame.picture, work.logits, top - halo, left - halo, *padded, out=self._gathered)
        return self.runner.mnet(self._gathered)[:height, :width]

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of M-Net's input for a frame: whole blocks, and the halo on every side."""
        halo, multiple = self.runner.halo, self.runner.multiple
        return height + -height % multiple + 2 * halo, width + -width % multiple + 2 * halo

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
        foreground, estimates = None, wanted & {"foreground", "transparent"}
        if edits:
            frame, foreground = self._edit(work, edits, frame, background)
        size = work.frame.size
        alpha8 = self._borrow(work, size, np.uint8) if wanted & {"alpha", "transparent"} else None
        alpha = self._borrow(work, size, np.float32) if fine or (estimates and foreground is None) else None
        fuse_composite(work.logits, work.alpha_raw, frame, background, composite=composite, alpha=alpha, alpha8=alpha8)
        if estimates and foreground is None:
            foreground = estimate_foreground(work.frame.pixels, alpha)
        transparent = self._transparent(work, foreground, alpha8) if "transparent" in wanted else None
        made = {"composite": composite, "alpha": alpha8, "foreground": foreground, "transparent": transparent}
        work.outputs = {kind: made[kind] for kind in wanted} | self._fine_outputs(work, setting, alpha, fine)

    def _edit(self, work: Work, edits: Controls, frame: Picture | None, background: Picture | None) -> tuple:
        """(picture to composite, foreground where an output wants one); `work` holds the edited alpha from here on."""
        drawn = self._borrow(work, work.frame.size, np.float32)
        fuse_composite(work.logits, work.alpha_raw, alpha=drawn)
        subject = self._guided(work, drawn, frame, edits.mirror)
        if self.outputs & {"foreground", "transparent"}:
            subject.foreground = estimate_foreground(work.frame.pixels, subject.alpha)
        subject = edit_subject(subject, edits, background)
        self._take_alpha(work, subject.alpha)
        return subject.picture, subject.foreground

    def _guided(self, work: Work, alpha: np.ndarray, picture: Picture | None, mirror: bool) -> Subject:
        """The subject, as far as the guides say that it is one."""
        bounds = self.guides.bounds(work.frame, mirror)
        return Subject(bounds.apply(self.guides.choose(alpha, work.new_scene)), picture, bounds=bounds)

    def _mirror(self, work: Work) -> None:
        work.frame = replace(work.frame, picture=mirrored(work.frame.picture))
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

    def _fine_outputs(self, work: Work, setting: Setting, alpha: np.ndarray, kinds) -> dict[str, np.ndarray]:
        """float32 outputs of these kinds, from alpha [H, W] float32."""
        behind = setting.background
        background = behind.at(work.frame, self._probability(work, behind)) if "composite" in kinds else None
        return fine_outputs(work.frame, alpha, kinds, background)

    def alpha(self, work: Work) -> np.ndarray:
        """Logits and alpha_raw → alpha [H, W] float32 in 0..1, a fresh array."""
        alpha = np.empty(work.frame.size, np.float32)
        fuse_composite(work.logits, work.alpha_raw, alpha=alpha)
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


def check_tnet_size(tnet_size: int | None) -> None:
    """Raises InputError for a size that cannot be used; None stands for the preset's own."""
    if tnet_size is not None and not 32 <= tnet_size <= 2048:
        raise InputError(f"T-Net size {tnet_size} is out of range: give a number of pixels from 32 to 2048")


def check_outputs(outputs, background) -> frozenset[str]:
    """The wanted outputs as a set. Raises ValueError for outputs that do not exist or lack a background."""
    unknown = set(outputs) - set(OUTPUT_KINDS)
    if unknown or not outputs:
        raise ValueError(f"outputs must be some of {', '.join(OUTPUT_KINDS)}, got {sorted(outputs)}")
    if "composite" in outputs and background is None:
        raise ValueError("a composite needs an opened background")
    return frozenset(outputs)
