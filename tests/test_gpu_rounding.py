"""Files of whole jobs with the shipped weights, multiplied as a GPU does (TF32), on stand-in streams: within the limits
that the same jobs are held to on a real GPU."""

from __future__ import annotations

import pytest
from cuda_stand_ins import RecordedStreams, multiply_in_tf32
from gpu_jobs import JOBS, assert_files_alike, job_files

from shm_stream import job_opening
from shm_stream.runners import load_runner

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def engine_of_a_gpu(monkeypatch):
    engine_cuda = pytest.importorskip("shm_stream.engine_cuda")
    RecordedStreams(monkeypatch)

    def make(runner, preset, tnet_size, **options):
        return engine_cuda.CudaEngine(runner, tnet_size=preset.tnet_size, uses_prior=preset.uses_prior, **options)

    return lambda: monkeypatch.setattr(job_opening, "make_engine", make)


@pytest.fixture
def runner():
    loaded = load_runner("live", "torch", "cpu")
    multiply_in_tf32(loaded.network)
    return loaded


@pytest.mark.parametrize("options", JOBS.values(), ids=[*JOBS])
def test_files_are_those_of_the_cpu(tmp_path, options, engine_of_a_gpu, runner):
    _, expected = job_files(tmp_path / "cpu", device="cpu", **options)
    engine_of_a_gpu()
    report, made = job_files(tmp_path / "gpu", runner=runner, **options)
    assert report.kernel.startswith("cuda")
    assert_files_alike(made, expected)
    assert any((made[kind] != expected[kind]).any() for kind in made), "nothing was rounded"
