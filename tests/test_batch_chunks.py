"""Long videos made in chunks: the same results as in one piece, and a fault costs its chunk only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from batch_bodies import alternating_work, faint_work, stand_in_work, stubborn_work, wavering_work
from batch_runs import (
    children,
    input_folder,
    leftovers,
    read_manifest,
    read_until,
    run_batch,
    run_here,
    start,
    wait_until,
)
from media import audio_packets, read_pictures, video_facts, video_times, write_video
from stand_ins import numbered_clip, numbered_frame, read_numbers

from shm_stream import ShmStreamError
from shm_stream.chunk_plan import LEAD_IN, plan_chunks
from shm_stream.job_options import JobOptions
from shm_stream.join_video import join_videos

pytestmark = pytest.mark.timeout(90)
COUNT = 81
CHUNK = "1.1"
"""Three chunks of 27 frames."""
MATTE = ("--alpha", "--suffix", ".mkv", "--codec", "ffv1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return input_folder(tmp_path, monkeypatch)


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run the command in this process for an OUT of that name; (OUT, exit code, stderr)."""

    def run(name: str, *arguments, work=stand_in_work) -> tuple[Path, int, str]:
        return run_batch(monkeypatch, capsys, folder, name, *arguments, work=work)

    return run


def long_clip(path: Path, count: int = COUNT, **options) -> Path:
    return write_video(path, [numbered_frame(number % 256) for number in range(count)], pix_fmt="yuv420p", **options)


def calm_clip(path: Path) -> Path:
    """Without cuts, at which the prior would be emptied."""
    return write_video(path, [numbered_frame(7)] * COUNT, pix_fmt="yuv420p")


def moving_clip(path: Path) -> Path:
    """A soft texture that moves by a pixel a frame, with noise."""
    rng = np.random.default_rng(5)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (64, 96 + COUNT, 1)).astype(np.float32), (0, 0), 5)
    wide = 128 + 5 * (wide - wide.mean())
    shown = (np.repeat(wide[:, left : left + 96, None], 3, 2) for left in range(COUNT))
    pictures = [np.clip(each + rng.normal(0, 6, each.shape), 0, 255).astype(np.uint8) for each in shown]
    return write_video(path, pictures, pix_fmt="yuv420p")


def mattes(path: Path) -> np.ndarray:
    """[N, H, W] uint8."""
    return np.stack([frame.to_ndarray(format="gray") for frame in read_pictures(path)])


def figures_of(out: Path) -> dict:
    """What the report's curves are drawn from."""
    return json.loads((out / ".qc" / "a.mp4.json").read_text())["figures"]


def pixels(path: Path, decoder: str | None = None) -> list[np.ndarray]:
    """[H, W, 4] uint8 each."""
    return [frame.to_ndarray(format="rgba") for frame in read_pictures(path, decoder)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_chunked_video_is_that_of_one_piece(run, folder, suffix):
    pts = [index * 3 + index % 2 for index in range(COUNT)]  # no constant rate
    options = {"pts": pts, "time_base": Fraction(1, 75), "audio": [("aac", COUNT / 25, 0.1)]}
    source = long_clip(folder / f"a{suffix}", **options)
    arguments = ("--bg", "red", "--crf", "0")
    whole, (chunked, code, err) = run("whole", *arguments)[0], run("chunked", *arguments, "--chunk", CHUNK)
    assert code == 0 and err.endswith("1 done, 0 skipped (already finished), 0 failed\n")
    one, other = whole / f"a{suffix}", chunked / f"a{suffix}"
    assert read_numbers(other) == read_numbers(one) == list(range(COUNT))
    assert all((a == b).all() for a, b in zip(pixels(one), pixels(other), strict=True))
    assert video_times(other) == video_times(one)
    assert audio_packets(other) == audio_packets(one) and len(audio_packets(source)) == len(audio_packets(other))
    assert video_facts(other) == video_facts(one)
    lines = [read_manifest(out)[0] for out in (whole, chunked)]
    assert lines[0]["settings"] == lines[1]["settings"] and lines[1]["frames"] == COUNT
    assert sorted(os.listdir(chunked)) == [".qc", f"a{suffix}", "manifest.jsonl", "report.html"]


@pytest.mark.parametrize(
    ("suffix", "decoder"), [(".mov", None), (".webm", "libvpx-vp9"), (".mkv", None)], ids=lambda value: str(value)
)
def test_transparency_survives(run, folder, suffix, decoder):
    long_clip(folder / "a.mp4", aspect=Fraction(4, 3))
    arguments = ("--bg", "transparent", "--alpha", "--suffix", suffix)
    whole = run("whole", *arguments, work=faint_work)[0]
    chunked, code, _ = run("chunked", *arguments, "--chunk", CHUNK, work=faint_work)
    assert code == 0
    one, other = (pixels(out / f"a{suffix}", decoder) for out in (whole, chunked))
    facts = [video_facts(out / f"a{suffix}") for out in (whole, chunked)]
    assert len(one) == len(other) == COUNT and facts[0] == facts[1]
    assert one[60][..., 3].min() == other[60][..., 3].min() < 200  # alpha is there at all
    assert np.abs(np.subtract(one[60], other[60], dtype=int)).mean() < 2
    assert len(read_pictures(chunked / f"a.alpha{suffix}")) == COUNT


@pytest.fixture(scope="module")
def alternating(tmp_path_factory) -> tuple[Path, Path, Path]:
    """(IN, OUT in one piece, OUT in chunks) of a clip without cuts, with a T-Net that never forgets how it began."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = input_folder(tmp_path_factory.mktemp("alternating"), monkeypatch)
        calm_clip(folder / "a.mp4")
        outs = []
        for name, *more in (("whole",), ("chunked", "--chunk", CHUNK)):
            out, code = run_here(monkeypatch, folder, name, *MATTE, *more, work=alternating_work)
            assert code == 0
            outs.append(out)
        return folder, *outs


def test_a_prior_that_remembers_all_is_carried_over_the_seams(alternating):
    one, other = (mattes(out / "a.alpha.mkv") for out in alternating[1:])
    assert [int(picture.mean()) for picture in one[:4]] == [255, 0, 255, 0]
    assert (one == other).all() and len(one) == COUNT


@pytest.mark.parametrize(
    ("work", "words"),
    [(wavering_work, "--temporal 100"), (stubborn_work, "--temporal 60 --lookahead 2 --feather 4")],
)
def test_what_is_smoothed_in_time_has_no_seams(run, folder, words, work):
    moving_clip(folder / "a.mp4")
    arguments = (*MATTE, *words.split())
    whole = run("whole", *arguments, work=work)[0]
    chunked, code, _ = run("chunked", *arguments, "--chunk", CHUNK, work=work)
    one, other = (mattes(out / "a.alpha.mkv") for out in (whole, chunked))
    assert code == 0 and len(one) == len(other) == COUNT
    assert np.abs(np.subtract(one, other, dtype=int)).max() <= 1
    assert np.std(one[60]) > 20  # there is something to be seen
    figures = [figures_of(out) for out in (whole, chunked)]
    assert figures[0]["cut"] == figures[1]["cut"] == [0] * COUNT
    assert np.allclose(figures[0]["flicker"], figures[1]["flicker"], atol=2e-3)


def test_statistics_are_those_of_one_piece(alternating):
    one, other = (figures_of(out) for out in alternating[1:])
    assert one == other and len(other["seconds"]) == COUNT


@pytest.mark.parametrize("edit", [("--shrink", "2"), ("--mirror",)])
def test_what_is_done_to_alpha_is_not_taken_for_what_the_network_said(run, folder, alternating, edit):
    shutil.copy(alternating[0] / "a.mp4", folder)
    whole = run("whole", *MATTE, *edit, work=alternating_work)[0]
    chunked = run("chunked", *MATTE, *edit, "--chunk", CHUNK, work=alternating_work)[0]
    one, other = (mattes(out / "a.alpha.mkv") for out in (whole, chunked))
    assert (one == other).all() and len(one) == COUNT
    assert figures_of(alternating[1]) == figures_of(whole) == figures_of(chunked)


def test_a_part_of_a_video_is_cut_to_the_frame(run, folder):
    long_clip(folder / "a.mp4", 120, audio=[("aac", 4.8, 0.0)])
    arguments = ("--bg", "red", "-ss", "1", "--frames", "80")
    whole, (chunked, code, _) = run("whole", *arguments)[0], run("chunked", *arguments, "--chunk", CHUNK)
    assert code == 0 and read_numbers(chunked / "a.mp4") == list(range(25, 105)) == read_numbers(whole / "a.mp4")
    assert audio_packets(chunked / "a.mp4") == audio_packets(whole / "a.mp4")


def test_short_videos_photos_and_videos_without_times_are_made_in_one_piece(folder, tmp_path):
    short, long = numbered_clip(folder / "short.mp4", 60), numbered_clip(folder / "long.mp4", 130)
    timeless = numbered_clip(folder / "timeless.h264", 130)
    assert plan_chunks(JobOptions(short), 2.0) is None and plan_chunks(JobOptions(timeless), 1.7) is None
    plan = plan_chunks(JobOptions(long), 1.7)
    assert [(chunk.begin, chunk.end, chunk.lead_in) for chunk in plan.chunks] == [
        (0, 43, 0), (43, 86, LEAD_IN), (86, 130, LEAD_IN)
    ]  # fmt: skip
    assert plan.whole and plan.times[:3] == (0, plan.times[1], 2 * plan.times[1])
    cut = plan_chunks(JobOptions(long, start=1.0, duration=4.0), 1.5)
    assert len(cut.times) == 100 and cut.seconds(0) == 1.0 and not cut.whole


def test_an_end_that_is_missing_makes_the_shot_partial(run, folder, tmp_path):
    whole = numbered_clip(tmp_path / "whole.mkv", 120).read_bytes()
    (folder / "a.mkv").write_bytes(whole[: len(whole) * 3 // 4])
    out, code, err = run("out", "--bg", "red", "--chunk", CHUNK)
    assert code == 1 and "partial: a.mkv: input ended early" in err
    numbers = read_numbers(out / "a.mkv")
    assert numbers == read_numbers(run("whole", "--bg", "red")[0] / "a.mkv") and 60 < len(numbers) < 120


def test_parts_that_do_not_fit_are_refused(tmp_path):
    parts = [numbered_clip(tmp_path / f"{name}.mp4", 5) for name in "ab"]
    with pytest.raises(ShmStreamError, match="the parts hold 10 pictures instead of 9"):
        join_videos(parts, tmp_path / "joined.mp4", list(range(10)), Fraction(1, 25), rate=Fraction(25))
    other = write_video(tmp_path / "c.mp4", [np.zeros((32, 64, 3), np.uint8)], pix_fmt="yuv420p")
    with pytest.raises(ShmStreamError, match="c.mp4 does not continue the part before"):
        join_videos([parts[0], other], tmp_path / "joined.mp4", list(range(7)), Fraction(1, 25), rate=Fraction(25))
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "b.mp4", "c.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="worker processes are found through /proc")
def test_a_killed_worker_costs_its_chunk_and_the_next_run_makes_that_alone(folder):
    numbered_clip(folder / "a.mp4", COUNT)
    out = folder.with_name("out")
    arguments = (folder, out, "--bg", "red", "--chunk", CHUNK, "--progress", "json")
    process = start(*arguments, seconds_per_frame=0.03)
    wait_until(lambda: any(path.name.startswith(".0001.") for path in leftovers(out)))
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.splitlines()[0] == (
        "failed: a.mp4: chunk 2 of 3: the worker process was killed by SIGKILL; there may be too little memory; "
        "2 chunks are kept for the next run"
    )
    again = start(*arguments)
    events = read_until(again, lambda event: event["event"] == "end")
    assert again.wait(60) == 0 and again.communicate()[1] == "1 done, 0 skipped (already finished), 0 failed\n"
    assert sum(event["event"] == "frames" for event in events) == 27  # of 81
    assert read_numbers(out / "a.mp4") == list(range(COUNT)) and not (out / ".chunks").exists()


def test_chunks_of_other_settings_are_not_taken(run, folder):
    numbered_clip(folder / "a.mp4", COUNT)
    kept = folder.with_name("out") / ".chunks" / "a.mp4"
    kept.mkdir(parents=True)
    (kept / "0000.json").write_text('{"sha256": "other", "settings": {}, "chunk": {}, "outputs": []}')
    out, code, _ = run("out", "--bg", "red", "--chunk", CHUNK)
    assert code == 0 and read_numbers(out / "a.mp4") == list(range(COUNT))
