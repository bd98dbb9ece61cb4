"""The scripts in benchmarks/, run as users run them, on clips of a few frames."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from stand_ins import StandInRunner, numbered_clip

from shm_stream import device, machine, native
from shm_stream.bench_clip import EXAMPLE, make_clip
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.runners import load_runner

pytestmark = pytest.mark.timeout(120)

SCRIPTS = Path(__file__).resolve().parent.parent / "benchmarks"
IMPORTED = {"marks", "peers", "running"}
"""No scripts: what scripts import."""
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
def checkout(tmp_path):
    folder = tmp_path / "rvm"
    folder.mkdir()
    (folder / "inference.py").write_text(INFERENCE, encoding="utf-8")
    (folder / "rvm_mobilenetv3.pth").write_bytes(b"")
    return folder


def run(script: str, *arguments, timeout: float = 100) -> tuple[int, list[str], str]:
    """Exit code, lines on stdout, stderr."""
    words = [sys.executable, str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture
def run_here(monkeypatch, capsys):
    """`run` in this process, for what does next to nothing."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def call(script: str, *arguments) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")
        said = capsys.readouterr()
        return ended.value.code, said.out.splitlines(), said.err

    return call


def the_error(ended: tuple[int, list[str], str], code: int) -> str:
    assert ended[:2] == (code, []) and ended[2].count("\n") == 1, ended
    return ended[2]


@pytest.mark.parametrize("script", sorted({path.stem for path in SCRIPTS.glob("*.py")} - IMPORTED))
def test_help_and_results_that_cannot_be_written(run_here, tmp_path, script):
    """The latter is said before anything is measured."""
    needed = {"bench_controls": "aiohttp", "sweep_cost": "matplotlib"}
    if script in needed:
        pytest.importorskip(needed[script])
    code, lines, err = run_here(script, "--help")
    assert (code, err) == (0, "") and lines[0].startswith(f"usage: {script}.py")
    gone, folder = f"the output folder {tmp_path / 'no'} does not exist", f"{tmp_path} is a folder"
    for option in {"--json", "--plot"} & {*re.findall(r"--\w+", " ".join(lines))}:
        for target, message in ((tmp_path / "no" / "x", gone), (tmp_path, folder)):
            assert message in the_error(run_here(script, option, target), 2)


@pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell")
def test_memory_is_sampled_to_the_end(clip):
    code, lines, err = run("bench_memory", clip, "--frames", 24, "--every", 8, "--tnet-size", 32)
    assert code == 0, err
    *samples, last = map(json.loads, lines)
    assert [sample["frame"] for sample in samples] == [8, 16, 24]
    grown = 100 * (samples[-1]["rss_mb"] / samples[0]["rss_mb"] - 1)
    assert last["growth_percent"] == pytest.approx(grown, abs=0.2)
    assert (last["from_frame"], last["to_frame"]) == (8, 24) and min(s["rss_mb"] for s in samples) > 50


@pytest.mark.timeout(600)
@pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell")
def test_memory_is_flat_over_2000_frames(tmp_path):
    clip = numbered_clip(tmp_path / "small.mp4", 250)
    code, lines, err = run("bench_memory", clip, "--frames", 2000, "--every", 200, "--tnet-size", 32, timeout=580)
    assert code == 0, err
    rss = [json.loads(line)["rss_mb"] for line in lines[1:-1]]  # at the first sample not all is warm
    assert len(rss) == 9 and max(rss) - min(rss) < 4, "1800 frames of which each left 2 kB behind"


def test_too_few_frames_for_two_samples(clip, run_here):
    ended = run_here("bench_memory", clip, "--frames", 999)
    assert "--frames 999 must be twice --every 500 or more" in the_error(ended, 2)


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
    assert ratio == pytest.approx(rows[ours]["fps"] / rows[naive]["fps"], abs=0.006) and ratio > 1


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


def test_networks_of_single_frames(tmp_path):
    target = tmp_path / "networks.json"
    code, lines, err = run("bench_networks", "--size", "720p", "--json", target)
    assert (code, err) == (0, "")
    found = json.loads(target.read_text())
    stages = [found[f"{stage}_core_ms"] for stage in ("tnet", "mnet", "fuse")]
    assert min(stages) > 0 and found["compute_ms"] > 0 and found["added_ms"] > 0
    assert 3 < found["blocks_percent"] < 30
    assert lines[0].startswith("3 frames of 1280x720, T-Net at (192, 352)") and len(lines) == 8


def test_latency_is_that_of_threads_and_queues_one_frame_at_a_time(monkeypatch):
    """What it adds to the stages is between their threads, and no frame waits for another."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import bench_networks

    inside, most, threads, shape = set(), [], set(), (64, 128)
    real = Engine(StandInRunner(), tnet_size=64, outputs=["alpha"])

    def watched(name, stage):
        def work_in(work):
            threads.add(threading.current_thread().name)
            inside.add(id(work))
            most.append(len(inside))
            time.sleep(0.005)
            stage(work)
            if name == "fuse":
                inside.discard(id(work))
            return work

        return name, work_in

    class Watched:
        stages = [watched(*stage) for stage in real.stages]
        reset, tnet, release = real.reset, real.tnet, real.release

    found = bench_networks.measure(Watched, Frame(np.zeros((*shape, 3), np.uint8), 0, 0, Fraction(1, 25), 1))
    assert threads == {"shm-tnet", "shm-mnet", "shm-fuse"} and max(most) == 1
    assert found["latency_ms"] == pytest.approx(found["compute_ms"] + found["added_ms"])
    assert found["compute_ms"] > 15 and 0 < found["added_ms"]


def test_a_clip_without_frames_to_measure(tmp_path):
    code, lines, err = run("bench_networks", numbered_clip(tmp_path / "short.mp4", 3))
    assert (code, lines, err) == (2, [], "error: no clip has 16 frames, so none was measured\n")


def test_kernels_on_planes_and_rgb(tmp_path):
    target = tmp_path / "fuse.json"
    path = native.paths()[0]
    code, _, err = run("bench_fuse", "--sizes", "720p", "--paths", path, "--seconds", "0.01", "--json", target)
    assert (code, err) == (0, "")
    times = {row["operation"]: row["min_ms"] for row in json.loads(target.read_text())["rows"]}
    assert {"fuse_composite", "gather", "planes", "planes, person", "gather planes", "memcpy planes"} <= {*times}
    assert min(times.values()) > 0


def test_without_a_gpu_there_is_one_line(run_here, monkeypatch):
    monkeypatch.setattr(device, "missing_for_cuda", lambda index=0: "the NVIDIA driver finds no GPU")
    assert "device 'cuda' cannot be used: the NVIDIA driver finds no GPU" in the_error(run_here("bench_gpu"), 2)
    assert "this measures a GPU" in the_error(run_here("bench_gpu", "--device", "auto"), 2)
    assert "--runs must be 1 or more" in the_error(run_here("bench_gpu", "--runs", 0), 2)


def test_the_pieces_of_a_gpu_fit_together(monkeypatch):
    """On CPU tensors: as many of them as a frame has, and none fails."""
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import bench_gpu

    pieces = bench_gpu.pieces(load_runner("live", "torch", "cpu"), (301, 535))
    with torch.inference_mode():
        made = {name: piece() for name, piece in pieces.items()}
    assert made["upload RGB"].shape == (301, 535, 3)
    assert [plane.shape[0] for plane in made["download planes"]] == [301, 151, 151]
    assert made["prepare planes"].shape == made["prepare RGB"].shape == (192, 352, 3) and "T-Net 192x352" in made
    assert made["M-Net"].shape[-2] >= 301 and made["alpha to 8 bits"].shape == (301, 535)


@pytest.mark.needs_cuda
def test_a_gpu_is_measured(tmp_path):
    target = tmp_path / "gpu.json"
    code, lines, err = run("bench_gpu", "--sizes", "720p", "--runs", "3", "--json", target)
    assert (code, err) == (0, "")
    found = json.loads(target.read_text())
    assert found["machine"]["kernels"] == "cuda" and found["machine"]["copied_gb_per_second"] > 10
    assert len(found["rows"]) == 12 and min(row["gpu_ms"] for row in found["rows"]) > 0


def test_every_control_has_its_price(run_here):
    pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")
    assert "--runs must be 1 or more" in the_error(run_here("bench_controls", "--runs", 0), 2)
    code, lines, error = run("bench_controls", "--sizes", "720p", "--runs", "1")
    assert code == 0, error
    prices = {line[:34].strip(): float(line[34:]) for line in lines[1:]}
    assert {"none", "feather", "all of these", "freeze", "preview: nobody watches"} <= set(prices)
    assert prices["all of these"] > prices["none"] > prices["preview: nobody watches"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system holds no process to cores")
def test_costs_are_swept_and_plotted(tmp_path):
    numbers, plot = tmp_path / "cost.json", tmp_path / "cost.png"
    small = ("--sizes", "480p", "--cores", 1, "--seconds", 0.3, "--rounds", 1, "--repeats", 1, "--runner", "native")
    code, lines, err = run("sweep_cost", *small, "--json", numbers, "--plot", plot)
    assert (code, err) == (0, "")
    found = json.loads(numbers.read_text())
    assert [json.loads(line) for line in lines] == found["area"] + found["jobs"] and found["runner"] == "native"
    drawn = [row["drawn_percent"] for row in found["area"]]
    assert drawn == sorted(drawn) and drawn[0] < 20 and drawn[-1] == 100
    assert min(row["mnet_core_ms"] for row in found["area"]) > 0
    (job,) = found["jobs"]
    assert (job["size"], job["cores"]) == ("480p", 1) and job["end_to_end_fps"] > 0
    assert cv2.imread(str(plot)).std() > 10


def test_sweeps_that_cannot_be(run_here):
    ended = run_here("sweep_cost", "--cores", 1, "--repeats", 0)
    assert "--rounds and --repeats must be 1 or more" in the_error(ended, 2)
    for count in (0, 1000):
        assert f"1 to {machine.cores()} cores" in the_error(run_here("sweep_cost", "--cores", 1, count), 2)
    assert "--seconds must be more than 0" in the_error(run_here("sweep_cost", "--cores", 1, "--seconds", 0), 2)
    assert "draws no blocks" in the_error(run_here("sweep_cost", "--cores", 1, "--runner", "onnxruntime"), 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench_fuse", "--sizes", "720p", "--threads", 0], "--threads must be 1 or more"),
        (["bench_statistics", "nofile.mp4"], "nofile.mp4 does not exist"),
        (["bench_statistics", "--seconds", 0], "--seconds must be more than 0"),
        (["encoder_memory", "libx264", ".mp4", "--frames", 0], "--frames must be 1 or more"),
        (["encoder_memory", "libx264", ".mp4", "--look-ahead", 2], "--look-ahead must be from 0 to 1"),
    ],
)
def test_what_cannot_be_measured(run_here, arguments, message):
    assert message in the_error(run_here(*arguments), 2)


def test_statistics_have_their_price(clip):
    code, lines, err = run("bench_statistics", clip, "--sizes", "480p", "--seconds", 0.2)
    assert code == 0, err
    size, frames, *figures = lines[1].split()
    assert (size, len(lines)) == ("640x480", 2) and int(frames) > 0
    assert min(float(figure.rstrip("%")) for figure in figures) > 0
