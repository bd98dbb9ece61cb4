"""The example clip through engines on a GPU and on the CPU, and how far their results may be apart."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from shm_stream import pipeline
from shm_stream.background import open_background
from shm_stream.controls import NEUTRAL, Controls
from shm_stream.engine_choice import choose_runner, make_engine
from shm_stream.frame import Frame
from shm_stream.live_controls import LiveControls
from shm_stream.preset import get_preset
from shm_stream.source import open_source
from shm_stream.work import Work
from shm_stream.yuv_planes import YuvPlanes

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "examples" / "webcam.mkv"
DEVICE = "cuda"


def clip_pictures(count: int, *, planar: bool = True) -> list:
    """The first pictures of the example clip, 640x480, as the decoder's planes or as RGB."""
    with open_source(CLIP, max_frames=count) as source:
        return [frame.planes if planar else frame.pixels for frame in source]


def engine_on(device: str, size: tuple[int, int], *, bg="#405060", controls: Controls = NEUTRAL, prior=True, **options):
    """An engine with the shipped weights and its usual runner; `size`: (H, W) of frames."""
    live = LiveControls(controls, open_background(bg, size[1], size[0]))
    preset = replace(get_preset("live"), uses_prior=prior)
    return make_engine(choose_runner("live", None, device), preset, None, controls=live, **options)


def works(pictures) -> list[Work]:
    return [Work(Frame(picture, index, index, Fraction(1, 25), 1)) for index, picture in enumerate(pictures)]


def run_engine(engine, pictures) -> list[dict[str, list[np.ndarray]]]:
    """Copies of each frame's outputs, made by the threads of a job."""
    made = []

    def take(work: Work) -> None:
        engine.wait(work)
        made.append({kind: [np.array(part) for part in parts(picture)] for kind, picture in work.outputs.items()})
        engine.release(work)

    pipeline.run(works(pictures), engine.stages, take)
    return made


def parts(picture) -> list[np.ndarray]:
    """The arrays of a picture."""
    return [picture.y, picture.u, picture.v] if isinstance(picture, YuvPlanes) else [picture]


def assert_alike(one, other, *, mean: float = 0.03, scale: float = 1.0) -> None:
    """Pictures in steps of 8 bits, `scale` of them to one of theirs.

    A GPU multiplies matrices with 11 bits of precision (TF32). Networks so rounded are 0.002 steps off on this clip on
    average, and 5 steps in the worst pixel; without the prior, for comparison, they are 0.12 off, and 1 percent of
    pixels more than two steps.
    """
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape and one.dtype == other.dtype
    errors = np.abs(one.astype(np.float64) - other.astype(np.float64)) / scale
    assert errors.mean() < mean and (errors > 2).mean() < mean / 30 and errors.max() <= 24, (
        errors.mean(),
        (errors > 2).mean(),
        errors.max(),
    )


def assert_all_alike(made, expected, **limits) -> None:
    """Of two results of `run_engine`."""
    assert len(made) == len(expected) > 0
    for one, other in zip(made, expected, strict=True):
        assert one.keys() == other.keys()
        for kind in one:
            for here, there in zip(one[kind], other[kind], strict=True):
                scale = 1 / 255 if here.dtype == np.float32 else 1.0
                assert_alike(here, there, scale=scale, **limits)
