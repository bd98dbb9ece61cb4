"""Whole jobs, the command and training on a GPU, with the shipped weights: files are those of the CPU."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from batch_runs import read_manifest
from gpu_jobs import FRAMES, JOBS, assert_files_alike, job_files, pictures
from gpu_runs import CLIP, DEVICE
from training_setup import mnet_options, read_log, tnet_options

from shm_stream import cli, matte_video
from shm_stream.doctor import OK
from shm_stream.doctor_engine import check_gpu

pytestmark = [pytest.mark.needs_cuda, pytest.mark.timeout(180)]


def on_both(folder, pix_fmt="rgb24", **options) -> None:
    """The same job on the GPU and on the CPU; every file has the same pictures."""
    made = []
    for device in (DEVICE, "cpu"):
        report, files = job_files(folder / device, pix_fmt, device=device, **options)
        assert report.device == ("cpu" if device == "cpu" else "cuda:0")
        assert device == "cpu" or report.kernel == "cuda"
        made.append(files)
    assert_files_alike(*made)


@pytest.mark.parametrize("options", JOBS.values(), ids=[*JOBS])
def test_jobs_are_those_of_the_cpu(tmp_path, options):
    on_both(tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "pix_fmt"),
    [
        ({"alpha": ".mkv"}, "gray16le"),
        ({"bg": "#405060", "output": ".mkv"}, "rgb48le"),
        ({"bg": "transparent", "output": ".mkv"}, "rgba64le"),
    ],
    ids=["alpha", "composite", "transparent"],
)
def test_16_bits_are_those_of_the_cpu(tmp_path, options, pix_fmt):
    on_both(tmp_path, pix_fmt, codec="ffv1", bits=16, **options)


def test_the_python_interface_chooses_the_gpu(tmp_path):
    report = matte_video(CLIP, tmp_path / "out.mp4", bg="#405060", frames=FRAMES)
    assert (report.device, report.runner, report.kernel) == ("cuda:0", "torch", "cuda")
    assert len(pictures(tmp_path / "out.mp4")) == FRAMES


def test_a_batch_of_two(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a.mkv", "b.mkv"):
        shutil.copy(CLIP, tmp_path / "in" / name)
    words = ["--bg", "#405060", "--alpha", "--frames", str(FRAMES), "--device", DEVICE, "--jobs", "2"]
    code = cli.main(["batch", str(tmp_path / "in"), str(tmp_path / "out"), *words])
    assert code == 0, capsys.readouterr().err
    assert [line["status"] for line in read_manifest(tmp_path / "out")] == ["done"] * 2
    for name in ("a", "b"):
        assert len(pictures(tmp_path / "out" / f"{name}.mkv")) == FRAMES
        matte = pictures(tmp_path / "out" / f"{name}.alpha.mkv", "gray")
        assert len(matte) == FRAMES and matte.std() > 50


def test_a_gpu_that_is_not_there_is_one_line(tmp_path, capsys):
    assert cli.main([str(CLIP), "--bg", "teal", "-o", str(tmp_path / "x.mp4"), "--device", "cuda:99"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "device 'cuda:99' cannot be used" in line and "numbered from 0" in line
    assert not list(tmp_path.iterdir())


def test_the_encoder_of_a_gpu_works_or_is_one_line(tmp_path, capsys):
    """Computing GPUs such as the H100 have none."""
    target = tmp_path / "x.mp4"
    words = [str(CLIP), "--bg", "teal", "-o", str(target), "--codec", "h264_nvenc", "--frames", str(FRAMES), "--quiet"]
    code, told = cli.main(words), capsys.readouterr().err
    if code == 0:
        assert len(pictures(target)) == FRAMES
        return
    assert code == 2 and len(told.splitlines()) == 1 and "h264_nvenc" in told and "choose another codec" in told
    assert not list(tmp_path.iterdir())


def test_the_benchmark_measures_the_gpu(capsys):
    assert cli.main(["bench", "--size", "720p", "--seconds", "1", "--json", "--device", DEVICE]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ran_on"] == {"device": "cuda:0", "runner": "torch", "kernel": "cuda"} and facts["frames"] == 30


def test_doctor_finds_the_gpu():
    check = check_gpu()
    assert check.state == OK and "CUDA" in check.found


@pytest.mark.parametrize("stage", ["train_tnet", "train_mnet"])
def test_training_in_half_precision_is_resumed(stage, run_training, training_data, tmp_path):
    pytest.importorskip("pymatting")
    from training import train_mnet, train_tnet

    module, make = {"train_tnet": (train_tnet, tnet_options), "train_mnet": (train_mnet, mnet_options)}[stage]
    options = make(training_data, tmp_path, 6) | {"log_every": 1, "device": DEVICE, "amp": True}
    assert "step 3 " in run_training(module, **options, stop_at=3)
    printed = run_training(module, **options)
    assert "resumed at step 3" in printed and "step 6 " in printed
    rows = read_log(options["out"].with_suffix(".csv"))
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(list(row.values())).all() and row["total"] > 0 for row in rows)
    assert len({row["total"] for row in rows}) == 6, "it learns"
