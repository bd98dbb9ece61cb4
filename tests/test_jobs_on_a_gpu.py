"""Whole jobs with the engine of a GPU, on stand-in streams: files come out as they do on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_stand_ins import RecordedStreams, TorchStandIn
from stand_ins import numbered_clip

from shm_stream import job as job_module
from shm_stream import matte_video
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(120)
FRAMES = 6


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", FRAMES)


@pytest.fixture
def on_gpu(monkeypatch):
    """From here on jobs are done by the engine of a GPU."""
    engine_cuda = pytest.importorskip("shm_stream.engine_cuda")
    RecordedStreams(engine_cuda, monkeypatch)

    def make(runner, preset, tnet_size, **options):
        return engine_cuda.CudaEngine(runner, tnet_size=preset.tnet_size, uses_prior=preset.uses_prior, **options)

    return lambda: monkeypatch.setattr(job_module, "make_engine", make)


def pictures(path) -> np.ndarray:
    with open_source(path) as source:
        return np.stack([frame.pixels.astype(int) for frame in source])


@pytest.mark.parametrize("codec", ["ffv1", None])
@pytest.mark.parametrize("bg", ["#405060", "blur:30"])
def test_files_are_those_of_the_cpu(clip, tmp_path, on_gpu, bg, codec):
    written = []
    for place in ("cpu", "gpu"):
        composite, alpha = tmp_path / f"{place}.mkv", tmp_path / f"{place}_alpha.mkv"
        report = matte_video(clip, composite, bg=bg, alpha=alpha, codec=codec, runner=TorchStandIn())
        assert report.frames == FRAMES
        written.append((pictures(composite), pictures(alpha)))
        on_gpu()
    for here, there in zip(*written, strict=True):
        assert len(here) == FRAMES and here.std() > 5
        assert np.abs(here - there).max() <= (2 if codec else 12) and np.abs(here - there).mean() < 0.2
