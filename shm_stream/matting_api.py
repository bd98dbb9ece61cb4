"""The Python interface: stills and videos as arrays, and whole files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from .array_checks import describe
from .controls import NEUTRAL, Controls
from .engine import check_tnet_size
from .engine_choice import choose_runner, make_engine
from .errors import InputError
from .frame import Frame
from .job import Job
from .job_options import JobOptions
from .job_report import Report
from .live_controls import LiveControls
from .live_options import LiveOptions
from .memory_size import memory_size
from .pipeline import through
from .preset import get_preset
from .work import Work
from .yuv_planes import YuvPlanes


class Matting:
    """A preset's networks, loaded once. Safe to use from one thread at a time.

    preset     "live", "studio" or "paper"
    device     "auto", "cpu", "cuda" or "cuda:N"
    runner     "native", "onnxruntime", "openvino", "torch" or None for the fastest there
    tnet_size  T-Net's input has about tnet_size squared pixels; None for the preset's own

    Raises InputError for names that do not exist, a device that cannot be used, or missing weights.
    """

    def __init__(self, preset: str = "live", device: str = "auto", runner=None, tnet_size: int | None = None):
        self._preset = get_preset(preset)
        check_tnet_size(tnet_size)
        self._tnet_size = tnet_size
        self._runner = choose_runner(preset, runner, device)

    @property
    def device(self) -> str:
        """Where the networks run: "cpu" or "cuda:N"."""
        return self._runner.device

    @property
    def runner(self) -> str:
        """What runs them: the name of a runner."""
        return self._runner.name

    def still(self, image: np.ndarray, trimap: np.ndarray | None = None) -> np.ndarray:
        """Alpha [H, W] float32 in 0..1 of one picture [H, W, 3] uint8 RGB. Raises InputError for another array.

        A `trimap` [H, W] uint8, 0 background, 255 foreground, else unknown, stands in for T-Net.
        """
        return self.video()(image, trimap)

    def video(self, *, prior: bool = True, temporal: float = 0.0, lookahead: int = 0) -> VideoMatting:
        """A fresh stream of frames: each call remembers the frame before.

        `prior=False`: T-Net is not told about it, and every frame is matted like a still.
        `temporal`: how much of the frame before is mixed into each, in percent.
        `lookahead`: how many later frames steady each, 0 to 8. Raises InputError for values out of range.
        """
        preset = self._preset if prior else replace(self._preset, uses_prior=False)
        controls = LiveControls(Controls(temporal=temporal), None)
        return VideoMatting(make_engine(self._runner, preset, self._tnet_size, controls=controls, lookahead=lookahead))


class VideoMatting:
    """Alpha for consecutive frames of one stream: `video(image) -> alpha`. Made by `Matting.video`."""

    def __init__(self, engine):
        self._engine = engine
        self._count = 0

    def __call__(self, image: np.ndarray, trimap: np.ndarray | None = None) -> np.ndarray:
        """Alpha [H, W] float32 in 0..1 of the next frame [H, W, 3] uint8 RGB. Raises InputError for another array.

        A `trimap` [H, W] uint8, 0 background, 255 foreground, else unknown, stands in for T-Net. Raises InputError also
        with a lookahead, for which later frames must be there: see `alphas`.
        """
        if self._engine.lookahead:
            raise InputError("with a lookahead, one frame is not enough: iterate over video.alphas(images)")
        work = self._work(image)
        work.trimap = None if trimap is None else check_trimap(trimap, work.frame.size)
        return next(self._drawn([work]))

    def alphas(self, images: Iterable[np.ndarray | YuvPlanes]) -> Iterator[np.ndarray]:
        """Alpha of each of `images`, in order. With a lookahead of N the first one comes after N + 1 images.

        Images are as for `__call__`, or the planes that a decoder gave, which are matted as jobs do it.
        """
        return self._drawn(map(self._work, images))

    def _work(self, image: np.ndarray | YuvPlanes) -> Work:
        picture = image if isinstance(image, YuvPlanes) else check_image(image)
        frame = Frame(picture, self._count, self._count, Fraction(1, 25), 1)
        self._count += 1
        return Work(frame)

    def _drawn(self, works: Iterable[Work]) -> Iterator[np.ndarray]:
        for _, function in self._engine.stages[:-1]:  # without fusion
            works = through(works, function)
        for work in works:
            yield self._engine.alpha(work)
            self._engine.release(work)

    def reset(self) -> None:
        """The next frame belongs to another scene. Cuts are noticed without this."""
        self._engine.reset()


def matte_video(
    input: str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    bg: str | os.PathLike | None = None,
    alpha: str | os.PathLike | None = None,
    foreground: str | os.PathLike | None = None,
    preset: str = "live",
    device: str = "auto",
    runner=None,
    tnet_size: int | None = None,
    dense: bool = False,
    start: float = 0.0,
    duration: float | None = None,
    frames: int | None = None,
    codec: str | None = None,
    crf: int | None = None,
    overwrite: bool = False,
    cores: int | None = None,
    max_memory: int | str | None = None,
    controls: Controls = NEUTRAL,
    lookahead: int = 0,
    live: LiveOptions | None = None,
) -> Report:
    """Do to a video, an image, a folder, a camera or a stream what the command `shm-stream` does. See `JobOptions`.

    `bg` is an image, a video, a colour ("#00b140", "teal"), "blur", "blur:N", "off" (the scene as it is) or
    "transparent"; the result goes to `output`, or beside the input with `_composite` in its name. `alpha` and
    `foreground` are further outputs.
    `controls` changes edges, position and smoothing in time; `lookahead` is how many later frames steady each.
    `dense` runs M-Net on whole frames instead of the tiles where it can matter.

    `cores` is how many processor cores to use at most.

    `max_memory` is how much resident memory, such as "900M" or 3_000_000_000 bytes, this process is to stay below, if
    need be slower: all of it, so that what else it holds leaves less for the job. It is for files on the CPU, not with
    `dense`.

    Returns a Report: look at `input_warning` (part of the input was unreadable), `interrupted` (Ctrl-C ended it early;
    the outputs are playable) and `memory_warning` (the process has had more than `max_memory`, be it before the job).
    Raises InputError before anything is written, ShmStreamError on a failure while working; then no unfinished file is
    left.
    """
    options = JobOptions(
        input=input,
        output=output,
        bg=bg,
        alpha=alpha,
        foreground=foreground,
        preset=preset,
        device=device,
        runner=runner,
        tnet_size=tnet_size,
        dense=dense,
        start=start,
        duration=duration,
        frames=frames,
        codec=codec,
        crf=crf,
        overwrite=overwrite,
        cores=cores,
        max_memory=None if max_memory is None else memory_size(max_memory),
        controls=controls,
        lookahead=lookahead,
        live=live or LiveOptions(),
    )
    with Job(options) as job:
        return job.run()


def check_image(image: np.ndarray) -> np.ndarray:
    """`image` as a C-contiguous [H, W, 3] uint8 array. Raises InputError saying what it is instead."""
    if not isinstance(image, np.ndarray):
        raise InputError(f"image must be a numpy array [H, W, 3] uint8 RGB, got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(f"image must be [H, W, 3] uint8 RGB, got {list(image.shape)} {image.dtype}{_hint(image)}")
    return np.ascontiguousarray(image)


def check_trimap(trimap: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`trimap` as a C-contiguous [H, W] uint8 array. Raises InputError saying what it is instead."""
    if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.shape != size:
        raise InputError(f"trimap must be {list(size)} uint8 like its image, got {describe(trimap)}")
    return np.ascontiguousarray(trimap)


def _hint(image: np.ndarray) -> str:
    if image.ndim == 3 and image.shape[2] == 4:
        return "; drop the alpha channel: image[..., :3]"
    if image.dtype.kind == "f":
        return "; scale 0..1 to 0..255 and convert: (image * 255).round().astype('uint8')"
    return ""
