"""benchmarks/bench_peers.py: other programs, and our own networks in the loop that one would write first."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
from benchmark_runs import SCRIPTS, run, runner_here, the_error
from stand_ins import numbered_clip

from shm_stream.bench_clip import EXAMPLE, make_clip
from shm_stream.job import Job
from shm_stream.job_options import JobOptions

pytestmark = pytest.mark.timeout(120)

INFERENCE = """
import argparse, shutil, sys
parser = argparse.ArgumentParser()
for name in ("variant", "checkpoint", "device", "input-source", "output-type", "output-composition"):
    parser.add_argument("--" + name, required=True)
parser.add_argument("--output-video-mbps", type=int)
parser.add_argument("--disable-progress", action="store_true")
o = parser.parse_args()
if o.device != "cpu":
    sys.exit("RuntimeError: no such device")
open(o.checkpoint).close()
shutil.copy(o.input_source, o.output_composition)
"""
"""Has the options of Robust Video Matting's inference.py, and does nothing but copy."""


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 10)


@pytest.fixture
def run_here(monkeypatch, capsys):
    return runner_here(monkeypatch, capsys)


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "rvm"
    folder.mkdir()
    (folder / "inference.py").write_text(INFERENCE, encoding="utf-8")
    (folder / "rvm_mobilenetv3.pth").write_bytes(b"")
    return folder


def test_peers_as_whole_processes(clip, checkout, tmp_path):
    numbers = tmp_path / "numbers.json"
    small = ("--size", "720p", "--seconds", 0.1, "--rounds", 2)
    code, lines, err = run("bench_peers", clip, *small, "--rvm", checkout, "--json", numbers)
    assert code == 0, err
    rows = {row["peer"]: row["fps"] for row in json.loads(numbers.read_text(encoding="utf-8"))["rows"]}
    ours, our_process, rvm = "shm-stream", "shm-stream, whole process", "Robust Video Matting, whole process"
    assert {*rows} == {ours, our_process, rvm} and rows[ours] > rows[our_process] > 0
    ratio = next(float(line.split()[-1].rstrip("x")) for line in lines if line.startswith(rvm))
    assert ratio == pytest.approx(rows[our_process] / rows[rvm], abs=0.006)


def test_the_naive_pipeline_is_compared(clip, tmp_path):
    pytest.importorskip("torch")
    numbers = tmp_path / "numbers.json"
    code, lines, err = run("bench_peers", clip, "--size", "720p", "--seconds", 0.1, "--naive", "--json", numbers)
    assert code == 0, err
    rows = {row["peer"]: row for row in json.loads(numbers.read_text(encoding="utf-8"))["rows"]}
    ours, naive = "shm-stream", "naive: torch, dense, RGB"
    assert {*rows} == {ours, naive} and rows[naive]["matte_ms"] > 0
    ratio = next(float(line.split()[-1].rstrip("x")) for line in lines if line.startswith(naive))
    assert ratio == pytest.approx(rows[ours]["fps"] / rows[naive]["fps"], abs=0.006)


def test_the_naive_pipeline_makes_what_a_job_makes(tmp_path, monkeypatch):
    """Frame after frame, since T-Net is told of the one before."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import peers
    from naive import Naive

    def pictures(path):
        with av.open(str(path)) as container:
            return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]

    clip = tmp_path / "clip.mkv"
    make_clip(EXAMPLE, clip, (256, 320), 0.2)
    peers.composite_loop(clip, tmp_path / "naive.mp4", Naive(1))
    with Job(JobOptions(clip, tmp_path / "ours.mp4", bg="#00b140", runner="native", dense=True)) as job:
        job.run()
    naive, ours = pictures(tmp_path / "naive.mp4"), pictures(tmp_path / "ours.mp4")
    assert len(naive) == len(ours) > 4
    differences = [np.abs(a - b).mean() for a, b in zip(naive, ours, strict=True)]
    assert max(differences) < 2, differences
    shown = [np.abs(a - b).mean() for a, b in zip(ours, pictures(clip), strict=True)]
    assert min(shown) > 20, "and both have replaced the background"


def test_a_peer_that_fails_is_quoted(clip, checkout):
    small = ("--size", "720p", "--seconds", 0.1)
    ended = run("bench_peers", clip, *small, "--rvm", checkout, "--rvm-args", "--device cuda")
    assert "ended with code 1: RuntimeError: no such device" in the_error(ended, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nobody to compare with: give --naive, --mediapipe, --u2net or --rvm"),
        (["--mediapipe", "EMPTY"], "holds none of selfie_segmenter.tflite, "),
        (["--u2net", "none.onnx"], "none.onnx does not exist"),
        (["--u2net", "CLIP"], "is not a readable .onnx model"),
        (["--rvm", "EMPTY"], "holds no inference.py"),
        (["--rvm", "CHECKOUT", "--rvm-args=--checkpoint other.pth"], "other.pth does not exist"),
        (["--rvm", "CHECKOUT", "--rvm-args=--checkpoint"], "argument --checkpoint: expected one argument"),
        (["--rvm", "CHECKOUT", "--rvm-args='"], "cannot be split into options: No closing quotation"),
        (["--rvm", "CHECKOUT", "--rounds", "0"], "--rounds and --seconds must be more than 0"),
    ],
)
def test_what_is_missing_is_said_at_once(clip, checkout, tmp_path, run_here, arguments, message):
    (tmp_path / "empty").mkdir()
    places = {"EMPTY": tmp_path / "empty", "CLIP": clip, "CHECKOUT": checkout}
    ended = run_here("bench_peers", clip, *[places.get(argument, argument) for argument in arguments])
    assert message in the_error(ended, 2)
