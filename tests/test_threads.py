"""Threads of decoder, networks, kernels and encoder: shared out together, from the cores that a job may use."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from stand_ins import numbered_clip, read_numbers

from shm_stream import batch, threads
from shm_stream.batch_options import BatchOptions
from shm_stream.cli import main
from shm_stream.colour import ColourTags
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.threads import Threads, share_out, usable_cores
from shm_stream.video_codecs import choose_encoding, with_threads


@pytest.fixture
def sixteen_cores(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 16)


@pytest.mark.parametrize(
    ("count", "device", "shares"),
    [
        (1, "cpu", Threads(decoder=1, network=1, kernels=1, encoder=1)),
        (2, "cpu", Threads(decoder=2, network=1, kernels=1, encoder=1)),
        (3, "cpu", Threads(decoder=2, network=1, kernels=1, encoder=1)),
        (16, "cpu", Threads(decoder=2, network=8, kernels=2, encoder=8)),
        (16, "cuda:0", Threads(decoder=2, network=8, kernels=2, encoder=16)),
    ],
)
def test_shares(count, device, shares):
    assert share_out(count, device) == shares


def test_cores_of_a_job_are_those_of_the_process(sixteen_cores):
    assert usable_cores() == usable_cores(99) == 16 and usable_cores(3) == 3
    with pytest.raises(InputError, match="0 cores are too few: give 1 or more"):
        usable_cores(0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system holds no process to cores")
def test_a_process_held_to_one_core_counts_one():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.cpu_count = lambda: 16\n"
        "from shm_stream.runners import load_runner\n"
        "print(load_runner('live', 'onnxruntime')._tnet.get_session_options().intra_op_num_threads)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "1\n", ended.stderr


@pytest.mark.parametrize(("cores", "network", "kernels"), [(None, 8, 2), (6, 3, 1)])
def test_a_job_passes_them_on(tmp_path, sixteen_cores, cores, network, kernels):
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    options = JobOptions(clip, tmp_path / "out.mp4", bg="red", runner="onnxruntime", cores=cores)
    with Job(options) as job:
        sessions = [job.engine.runner._tnet, job.engine.runner._mnet]
        assert [each.get_session_options().intra_op_num_threads for each in sessions] == [network] * 2
        assert job.engine._threads == kernels
        assert job.sinks["composite"].encoding.threads == network
        with job.source._open() as container:
            assert job.source._stream(container).codec_context.thread_count == 2
        job.run()
    assert len(read_numbers(tmp_path / "out.mp4")) == 3


def test_processes_of_a_batch_divide_the_cores(tmp_path, sixteen_cores):
    def cores_each(**options) -> int | None:
        template = JobOptions(tmp_path, cores=options.pop("cores", None))
        given = BatchOptions(tmp_path, tmp_path / "out", template=template, **options)
        return batch._with_shares(given).template.cores

    assert cores_each(jobs=1) == 16 and cores_each(jobs=3) == 5 and cores_each(jobs=3, cores=8) == 2
    assert cores_each(jobs=40) == 1 and cores_each(cluster="here") is None


@pytest.mark.parametrize(
    ("suffix", "codec", "said"),
    [
        (".mp4", "libx264", {}),
        (".mp4", "libx265", {"x265-params": "log-level=none:pools=3"}),
        (".mp4", "libsvtav1", {"svtav1-params": "lp=3"}),
        (".webm", "libvpx-vp9", {}),
        (".mkv", "ffv1", {}),
        (".mov", "prores_ks", {}),
    ],
)
def test_encoders_are_told_in_their_own_words(tmp_path, suffix, codec, said):
    usual = choose_encoding(Path(f"a{suffix}"), "composite", (128, 96), ColourTags(), codec, None)
    bound = with_threads(usual, 3)
    assert bound.options == usual.options | said and bound.threads == (0 if said else 3)
    clip, out = numbered_clip(tmp_path / "clip.mp4", 4, rate=Fraction(25)), tmp_path / f"out{suffix}"
    with Job(JobOptions(clip, out, bg="red", codec=codec, cores=1)) as job:
        job.run()
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4


def test_too_few_cores_are_refused(tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 1)
    assert main([str(clip), "--bg", "red", "-o", str(tmp_path / "out.mp4"), "--cores", "0"]) == 2
    said = "error: 0 cores are too few: give 1 or more, or leave --cores out for all of them\n"
    assert capsys.readouterr().err == f"shm-stream: {said}"
    assert not (tmp_path / "out.mp4").exists()
