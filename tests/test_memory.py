"""`--max-memory`: jobs that stay below what was stated, measured from outside."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from batch_runs import read_manifest
from memory_runs import measured, stays_below

from shm_stream import machine
from shm_stream.bench_clip import EXAMPLE, make_clip
from shm_stream.memory_plan import MOST_FRAMES
from shm_stream.source import open_source

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell"),
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twelve frames of 720p: encoders look ahead by about as many."""
    target = tmp_path_factory.mktemp("clip") / "clip.mp4"
    make_clip(EXAMPLE, target, (720, 1280), 0.4)
    return target


def slow(outputs):
    """One more kind, before a release."""
    return pytest.param(outputs, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "outputs",
    [
        ["--bg", "red", "-o", "a.mp4"],
        ["--bg", "blur", "-o", "a.mp4", "--alpha", "b.mp4", "--codec", "libx265"],
        slow(["--bg", "transparent", "-o", "a.mov"]),
        slow(["--bg", "transparent", "-o", "a.webm"]),
        slow(["--alpha", "a.mkv", "--codec", "ffv1"]),
        ["--foreground", "a.mp4", "--shrink", "1", "--despill", "80"],
        slow(["--bg", "transparent", "-o", "a.%04d.png"]),
        slow(["--bg", "red", "-o", "a.mp4", "--runner", "onnxruntime"]),
    ],
    ids=lambda outputs: " ".join(outputs),
)
def test_a_video_in_the_least_memory(clip, tmp_path, monkeypatch, outputs):
    monkeypatch.chdir(tmp_path)
    stays_below(clip, *outputs)


@pytest.mark.slow
def test_a_sequence_for_nuke_in_the_least_memory(clip, tmp_path):
    pytest.importorskip("OpenEXR", reason="pip install 'shm-stream[film]'")
    stays_below(clip, "--for", "nuke", "--frames", 4, "-o", tmp_path / "a.%04d.exr")


def stays_below_1000_mb(*words, frames: str) -> None:
    code, peak, said = measured(*words, "--max-memory", "1G", "-v")
    assert code == 0 and peak < 1000, said
    assert re.search(rf"memory: at most about \d+ of 1000 MB with {frames} frames", said), said


def test_in_more_than_the_least_memory(clip, tmp_path):
    stays_below_1000_mb(clip, "--bg", "red", "-o", tmp_path / "a.mp4", frames=str(MOST_FRAMES))


@pytest.mark.slow
def test_4k_in_the_least_memory_and_in_more(tmp_path):
    clip = tmp_path / "clip.mp4"
    make_clip(EXAMPLE, clip, (2160, 3840), 0.4)
    words = (clip, "--bg", "red", "-o", tmp_path / "a.mp4")
    stays_below(*words)
    stays_below_1000_mb(*words, frames=r"\d")


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [["--alpha", "a.png"], ["--bg", "transparent", "-o", "b.png"]], ids=lambda o: o[0])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_large_still_in_the_least_memory(tmp_path, monkeypatch, suffix, outputs):
    """With grain, which no encoder makes small."""
    monkeypatch.chdir(tmp_path)
    picture = next(iter(open_source(EXAMPLE))).pixels
    large = cv2.resize(picture, (4096, 3072)) + np.random.default_rng(0).normal(0, 12, (3072, 4096, 3))
    cv2.imwrite(f"still{suffix}", large.clip(0, 255).astype(np.uint8))
    stays_below(f"still{suffix}", *outputs)


def test_a_batch_divides_its_memory(tmp_path):
    shots, out = tmp_path / "shots", tmp_path / "out"
    shots.mkdir()
    make_clip(EXAMPLE, shots / "a.mp4", (360, 640), 0.3)
    large = cv2.resize(next(iter(open_source(EXAMPLE))).pixels, (4608, 3456))
    cv2.imwrite(str(shots / "b.jpg"), large)
    make_clip(EXAMPLE, shots / "c.mp4", (360, 640), 0.3)
    words = ("batch", shots, out, "--bg", "red", "--jobs", 2, "--max-memory")
    code, _, said = measured(*words, "1100M")
    lines = {line["source"]: line for line in read_manifest(out)}
    assert code == 1 and {name: line["status"] for name, line in lines.items()} == {
        "a.mp4": "done", "b.jpg": "failed", "c.mp4": "done",
    }, said  # fmt: skip
    share = int(re.search(r"of memory at least and may take (\d+)M", lines["b.jpg"]["reason"])[1])
    assert 350 < share < 520 and lines["b.jpg"]["reason"] in said
    again, _, said = measured(*words, "6G")
    assert again == 0 and "1 done, 2 skipped" in said, "what was finished does not depend on it"
