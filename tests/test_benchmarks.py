"""The scripts in benchmarks/, run as users run them, on clips of a few frames."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from fractions import Fraction

import cv2
import numpy as np
import pytest
from benchmark_runs import SCRIPTS, run, runner_here, the_error
from stand_ins import StandInRunner, numbered_clip

from shm_stream import device, machine, native
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.runners import load_runner

pytestmark = pytest.mark.timeout(120)

IMPORTED = {"marks", "naive", "peers", "running"}
"""No scripts: what scripts import."""


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 10)


@pytest.fixture
def run_here(monkeypatch, capsys):
    return runner_here(monkeypatch, capsys)


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
