"""The three stages of a frame on a CPU: T-Net, M-Net, fusion. `engine_cuda` is the same on a GPU.

Each stage may run in a thread of its own: a stage touches only the work item it was given and its own state.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import native
from .engine_fuse import FuseStage
from .errors import InputError
from .fuse import gather
from .fuse_arguments import Picture
from .lookahead import Lookahead, check_lookahead
from .prior import Prior, PriorState, tnet_shape
from .quality import Level
from .temporal import TemporalSmoothing
from .tiles import TILE, active_blocks, active_tiles
from .user_trimap import impose, trimap_logits
from .work import Work


class Engine(FuseStage):
    """Runs one stream of frames through `runner`; the prior alpha makes it stateful (`reset` forgets it)."""

    def __init__(
        self, runner, *, tnet_size: int, uses_prior: bool = True, dense: bool = False, lookahead: int = 0, **fusing
    ):
        """`dense`: M-Net draws the whole frame instead of the parts where it can matter. `lookahead`: how many later
        frames steady the trimap of each; as many are kept back. `fusing`: as `FuseStage`."""
        super().__init__(**fusing)
        check_tnet_size(tnet_size)
        check_lookahead(lookahead)
        self.runner = runner
        self.tnet_size = tnet_size
        self.most_drawn = 1.0
        self.only_tiles = False
        """Whether M-Net's input is never a whole frame, which takes hundreds of bytes a pixel."""
        self._uses_prior = uses_prior
        self._prior = Prior()
        self.lookahead = Lookahead(lookahead, self._take_logits, self._wait_for_logits) if lookahead else None
        self._smoothing = TemporalSmoothing()
        # without a halo M-Net sees the whole frame at once, and no part can be computed alone
        self._dense = dense or runner.halo == 0
        self._gathered: np.ndarray | None = None  # M-Net's input, used by one thread only

    @property
    def kernel(self) -> str:
        """Name of the path the per-pixel kernels take."""
        return native.path_name()

    @property
    def draws_whole_frames(self) -> bool:
        """Whether M-Net's input is a whole frame in float32, as with `dense` or without a halo."""
        return self._dense and not hasattr(self.runner, "draw")

    @property
    def stages(self) -> list:
        """(name, function) for `pipeline.run`."""
        ahead = [("lookahead", self.lookahead)] if self.lookahead else []
        return [("tnet", self.tnet), *ahead, ("mnet", self.mnet), ("fuse", self.fuse)]

    def reset(self) -> None:
        """Forget the previous frame. Only while no frame is between the stages."""
        self._prior.reset()
        self._smoothing.state = None
        if self.lookahead:
            self.lookahead.reset()

    def use(self, level: Level, size: tuple[int, int]) -> None:
        """Let the networks cost no more than `level` from the next frame on; `size`: (H, W) of frames. From any thread:
        a runner that compiles T-Net for each of its sizes does so here, while frames go on."""
        self.compile_tnet(size, level.tnet_size)
        self.tnet_size, self.most_drawn = level.tnet_size, level.most_drawn

    def compile_tnet(self, size: tuple[int, int], tnet_size: int | None = None) -> None:
        """Compile T-Net for frames of `size`, where the runner does that, so that the first one need not wait."""
        if hasattr(self.runner, "compile_tnet"):
            self.runner.compile_tnet(tnet_shape(*size, tnet_size or self.tnet_size))

    def resume(self, state: PriorState) -> None:
        """Go on after the frame that left `state`. Only while no frame is between the stages."""
        self._prior.restore(state)
        self.guides.resume(state.person)
        self._smoothing.state = None if state.smoothed is None else PriorState(state.picture, state.smoothed)
        if self.lookahead:
            self.lookahead.restore(state)

    def tnet(self, work: Work) -> Work:
        """Reduced frame and prior alpha → logits; or a user's trimap → logits."""
        if work.after_pause:
            self._prior.reset()
        shape = tnet_shape(*work.frame.size, self.tnet_size)
        if not self._read_trimap(work, work.frame.picture, shape):
            x = self._prior.tnet_input(work.frame.picture, shape)
            work.logits = np.ascontiguousarray(self.runner.tnet(x))  # torch may answer in channels-last order
        self._note(work)
        if self._uses_prior:
            self._prior.remember(work.logits)
        return work

    def _note(self, work: Work) -> None:
        """What T-Net's stage knows of the frame and leaves to the next."""
        work.new_scene, work.reduced = self._prior.at_cut or work.after_pause, self._prior.picture
        work.left = PriorState(work.reduced, work.logits)

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
        self._smooth(work)
        work.steadied = work.logits
        work = self._draw_alpha_raw(work)
        if work.trimap is not None:
            alpha = self.alpha(work)
            impose(work.trimap, alpha)
            self._take_alpha(work, alpha)
        return work

    def _smooth(self, work: Work) -> None:
        """Here, not in T-Net's stage, which is the longer one, and whose next frame needs the logits as they were."""
        percent = self.controls.setting.controls.temporal
        if percent == 0:
            self._smoothing.state = None
            return
        self._wait_for_logits(work)
        smoothed = self._smoothing(work, percent)
        work.left = replace(work.left, smoothed=smoothed)
        if smoothed is not work.logits:
            self._take_logits(work, smoothed)

    def _wait_for_logits(self, work: Work) -> None:
        """Returns when they can be read: at once on a CPU."""

    def _take_logits(self, work: Work, logits: np.ndarray) -> None:
        """Let M-Net and fusion read logits [3, h, w] instead of those that T-Net gave."""
        work.logits = logits

    def _draw_alpha_raw(self, work: Work) -> Work:
        if hasattr(self.runner, "draw"):
            return self._draw_blocks(work)
        height, width = work.frame.size
        side = TILE - TILE % self.runner.multiple
        wanted = None if self._dense else active_tiles(work.logits, height, width, side)
        if wanted is None or (not self.only_tiles and self._whole_is_cheaper(len(wanted), side, height, width)):
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
        window = (top - halo, left - halo, *padded)
        gather(work.frame.picture, work.logits, *window, out=self._gathered, threads=self._threads)
        return self.runner.mnet(self._gathered)[:height, :width]

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of M-Net's input for a frame: whole blocks, and the halo on every side."""
        halo, multiple = self.runner.halo, self.runner.multiple
        return height + -height % multiple + 2 * halo, width + -width % multiple + 2 * halo


def check_tnet_size(tnet_size: int | None) -> None:
    """Raises InputError for a size that cannot be used; None stands for the preset's own."""
    if tnet_size is not None and not 32 <= tnet_size <= 2048:
        raise InputError(f"T-Net size {tnet_size} is out of range: give a number of pixels from 32 to 2048")
