"""Mattes of real frames are the same within one step of 8 bits, whether M-Net draws parts of them or all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shm_stream import native, tiles
from shm_stream.engine import Engine
from shm_stream.runners import load_runner
from shm_stream.source import open_source
from shm_stream.work import Work

EXAMPLE = Path(__file__).parent.parent / "examples" / "webcam.mkv"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("preset", ["live", "studio"])
@pytest.mark.parametrize("runner", ["native", "onnxruntime"])
def test_parts_as_the_whole(preset, runner):
    """A person with hair, in frames whose prior alpha comes from those before them."""
    if runner == "native" and not native.paths()[1:]:
        pytest.skip("built without native code")
    worst, drawn = compare(load_runner(preset, runner), 5)
    assert worst <= 1 and 0.01 < drawn < 0.6


@pytest.mark.skipif(not native.paths()[1:], reason="built without native code")
def test_a_coarser_bound_would_show(monkeypatch):
    monkeypatch.setattr(tiles, "_ENOUGH", np.float32(np.log(1 / 0.1 - 1)))
    assert compare(load_runner("live", "native"), 2)[0] > 1


def compare(runner, frames: int) -> tuple[int, float]:
    """(greatest difference in steps of 8 bits, share of the picture that was drawn in parts)."""
    parts, whole = (Engine(runner, tnet_size=256, dense=dense) for dense in (False, True))
    parts.only_tiles = True
    worst, shares = 0, []
    with open_source(EXAMPLE, max_frames=frames) as source:
        for frame in source:
            shares.append(np.mean((done := parts.mnet(parts.tnet(Work(frame)))).alpha_raw != 0.5))
            sparse, dense = parts.fuse(done).outputs["alpha"], _matte(whole, frame)
            assert np.mean((dense > 5) & (dense < 250)) > 0.005
            worst = max(worst, int(np.abs(sparse.astype(int) - dense).max()))
    return worst, float(np.mean(shares))


def _matte(engine: Engine, frame) -> np.ndarray:
    return engine.fuse(engine.mnet(engine.tnet(Work(frame)))).outputs["alpha"]
