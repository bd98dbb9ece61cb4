"""`shm-stream bench`: what it counts, the clip it makes, what it prints and refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import palette_picture, video_facts, video_times, write_video
from stand_ins import StandInRunner, default_signals, numbered_clip, read_numbers, slow_command

from shm_stream import bench, bench_clip, bench_start, bench_text, cli, engine_choice, machine
from shm_stream.engine_choice import choose_runner, make_engine
from shm_stream.job_options import JobOptions
from shm_stream.preset import get_preset
from shm_stream.source import open_source
from shm_stream.threads import share_out
from shm_stream.tiles import TILE, active_tiles
from shm_stream.work import Work

pytestmark = pytest.mark.timeout(90)

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"
STAGES = ["source", "tnet", "mnet", "fuse", "sink"]


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 30)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command in this process without weights; (exit code, stdout, stderr). Nothing it makes may stay."""
    rooms = tmp_path / "temporary"
    rooms.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(rooms))
    monkeypatch.setattr(bench_start, "first_frame_seconds", lambda *_: 1.25)

    def run(*arguments, runner=None):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner or StandInRunner())
        code = cli.main(["bench", *map(str, arguments)])
        assert not list(rooms.iterdir())
        return code, *capsys.readouterr()

    return run


def measure(clip: Path, runner, out: Path, **options):
    return bench.measure(JobOptions(clip, out, bg="red", runner=runner, **options), network_seconds=0.05)[0]


def test_json_holds_together(run, clip):
    code, out, err = run(clip, "--seconds", "1", "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert facts["frames"] == 25
    assert facts["end_to_end_fps"] == pytest.approx(25 / facts["wall_seconds"])
    assert facts["network_only_fps"] > 0 and facts["peak_rss_mb"] > 20
    assert facts["first_frame_seconds"] == 1.25
    core_seconds = facts["core_ms_per_frame"] * 25 / 1e3
    share = core_seconds / facts["wall_seconds"] / facts["machine"]["cores"]
    assert 0 < facts["utilisation_percent"] == pytest.approx(100 * share)
    assert [stage["name"] for stage in facts["stages"]] == STAGES
    for stage in facts["stages"]:
        in_all = stage["busy_ms"] + stage["wait_input_ms"] + stage["wait_output_ms"]
        assert 0 < in_all * 25 <= 1e3 * facts["wall_seconds"]
    queues = [(stage["queued_frames_mean"], stage["queue_limit_frames"]) for stage in facts["stages"]]
    assert queues[0] == (None, None) and all(0 < mean <= limit == 2 for mean, limit in queues[1:])
    assert (facts["clip"]["width"], facts["clip"]["height"], facts["clip"]["fitted"]) == (128, 48, False)
    assert not facts["clip"]["audio_generated"] and facts["output"] == {"codec": "h264", "audio_streams": 0}
    assert facts["threads"] == asdict(share_out(machine.cores()))
    assert facts["ran_on"]["device"] == "cpu" and facts["ran_on"]["runner"] == "stand-in"
    assert facts["settings"]["tnet_size"] == 256 and "av" in facts["versions"]


def test_lines_say_the_same(run, clip):
    code, out, err = run(clip, "--seconds", "0.5")
    assert code == 0 and err == "measuring ...\n"
    assert f"{clip}, 128x48, 25 fps, h264, no audio" in out and "runner stand-in · kernel" in out
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert {"end to end", "networks alone", "core-ms a frame", "utilisation", "peak memory", *STAGES} <= {*rows}
    assert "1.25 s" in rows["first frame"]
    assert rows["source"].endswith(" -") and all(rows[name].endswith(" of 2") for name in STAGES[1:])
    assert "100.0 %" in rows["tiles of M-Net"] and "whole frame in 100.0 %" in rows["tiles of M-Net"]


@pytest.mark.parametrize(("unknown", "percent"), [(True, 100.0), (False, 0.0)])
def test_all_tiles_or_none(clip, tmp_path, unknown, percent):
    figures = measure(clip, StandInRunner(unknown=unknown), tmp_path / "o.mkv")
    assert figures.mnet_tiles_percent == figures.mnet_whole_frames_percent == percent
    assert read_numbers(tmp_path / "o.mkv") == list(range(30))


def test_tnet_is_compiled_before_the_clock_starts(clip, tmp_path):
    """For the job's frames, which then find it compiled."""
    compiled = []

    class Compiling(StandInRunner):
        def compile_tnet(self, shape):
            if shape not in compiled:
                time.sleep(3.0)
                compiled.append(shape)

        def tnet(self, x):
            self.compile_tnet(x.shape[2:])
            return super().tnet(x)

    figures = measure(clip, Compiling(), tmp_path / "o.mkv", frames=2)
    assert len(compiled) == 1 and figures.wall_seconds < 3.0


def expected_windows(clip: Path, frames: int) -> list[int]:
    """How many of the example's 20 tiles T-Net leaves unknown, frame by frame."""
    runner = choose_runner("live", "onnxruntime", "cpu")
    engine = make_engine(runner, get_preset("live"), None)
    with open_source(clip, max_frames=frames) as source:
        logits = [engine.tnet(Work(frame)).logits for frame in source]
    return [len(active_tiles(one, 480, 640, TILE)) for one in logits]


def test_tiles_of_the_real_networks(tmp_path):
    """The clip's tiles, counted on the logits, are those that the runner was asked for."""
    windows = expected_windows(EXAMPLE, 8)
    assert 0 < max(windows) < 13, "in none of them the whole frame is cheaper"
    runner = choose_runner("live", "onnxruntime", "cpu")
    figures = measure(EXAMPLE, runner, tmp_path / "o.mkv", frames=8)
    assert figures.mnet_tiles_percent == pytest.approx(100 * sum(windows) / (8 * 20))
    assert figures.mnet_whole_frames_percent == 0
    dense = measure(EXAMPLE, runner, tmp_path / "d.mkv", frames=2, dense=True)
    assert dense.mnet_tiles_percent == dense.mnet_whole_frames_percent == 100


def test_networks_the_engine_calls_itself_are_not_counted():
    counter = bench.TileCounter(StandInRunner())
    assert counter.tiles_percent is counter.whole_frames_percent is None
    assert (counter.name, counter.halo) == ("stand-in", 8)


def test_few_frames_are_held(clip, monkeypatch):
    monkeypatch.setattr(bench, "HELD_BYTES", 3 * 128 * 48 * 3)
    assert [frame.index for frame in bench._held_frames(JobOptions(clip))] == [0, 1, 2]
    monkeypatch.setattr(bench, "HELD_BYTES", 1)
    assert len(bench._held_frames(JobOptions(clip))) == 2
    assert len(bench._held_frames(JobOptions(clip, duration=0.04))) == 1


def test_the_example_gets_a_quiet_tone_that_is_copied(run):
    """It has no sound, and a job that users wait for has."""
    assert video_facts(EXAMPLE)["audio"] == 0
    code, out, err = run("--size", "720p", "--seconds", "0.2", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["clip"]["audio_streams"], facts["clip"]["audio_generated"]) == (1, True)
    assert facts["output"] == {"codec": "h264", "audio_streams": 1}
    assert "h264, 1 audio (a tone)\noutput    h264, 1 audio copied\n" in bench_text.lines(facts)


def test_a_clip_with_sound_keeps_its_own(run, tmp_path):
    clip = write_video(tmp_path / "clip.mkv", [palette_picture(96, 64)] * 10, audio=[("aac", 0.4, 0.0)])
    code, out, err = run(clip)
    assert code == 0, err
    assert ", 1 audio\noutput    h264, 1 audio copied\n" in out


def test_the_first_frame_is_made_by_a_process_of_its_own(clip, tmp_path):
    """The runner of this process does not reach it."""
    target = tmp_path / "o.mkv"
    words = ["--bg=red", "--device=cpu", "--runner=native", "--tnet-size=64"]
    assert bench_start.first_frame_seconds(clip, target, words) > 0.05
    assert len(video_times(target)) == 1
    with pytest.raises(bench.ShmStreamError, match="of its own failed: shm-stream: error: unknown preset 'x'"):
        bench_start.first_frame_seconds(clip, target, [*words, "--preset=x"])


def test_the_lesser_of_two_starts_counts(clip, monkeypatch):
    seconds = iter([3.0, 2.0])
    monkeypatch.setattr(bench_start, "_seconds_of", lambda words: next(seconds))
    assert bench_start.first_frame_seconds(clip, Path("o.mkv"), []) == 2.0
    assert next(seconds, None) is None


def test_the_first_frame_is_that_of_the_job_asked_for(run, clip, monkeypatch):
    asked = []
    monkeypatch.setattr(bench_start, "first_frame_seconds", lambda *given: asked.append(given) or 2.5)
    code, out, err = run(clip, "--bg", "blue", "--tnet-size", "64", "--dense", "--runner", "native")
    assert code == 0, err
    ((read, written, words),) = asked
    assert read == clip and written.name == "first.mkv" and "first frame          2.50 s" in out
    assert words == ["--bg=blue", "--preset=live", "--device=auto", "--runner=native", "--tnet-size=64", "--dense"]


def test_size_makes_a_clip_in_another_process(run, clip):
    code, out, err = run(clip, "--size", "720p", "--seconds", "0.2", "--json")
    assert code == 0, err
    assert json.loads(out)["clip"] | {"path": ""} == {
        "path": "", "fitted": True, "width": 1280, "height": 720, "rate_fps": 25.0, "codec": "h264", "audio_streams": 0,
        "audio_generated": False,
    }  # fmt: skip


def test_errors_come_out_of_the_other_process(tmp_path, monkeypatch):
    with pytest.raises(bench.ShmStreamError, match="none.mp4 does not exist"):
        bench_clip.make_clip_apart(tmp_path / "none.mp4", tmp_path / "o.mkv", (48, 64), 1)
    monkeypatch.setattr(bench_clip, "_make_clip_and_tell", die)
    with pytest.raises(bench.ShmStreamError, match="process that made a clip of none.mp4 died"):
        bench_clip.make_clip_apart(Path("none.mp4"), tmp_path / "o.mkv", (48, 64), 1)


def die(*arguments) -> None:
    os._exit(3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mp4"], "none.mp4 does not exist"),
        (["PICTURE"], "is no video; bench measures videos"),
        (["CLIP", "--seconds", "0"], "--seconds 0 is not usable; give more than 0"),
        (["CLIP", "--seconds", "soon"], "'soon' is not a time"),
        (["CLIP", "--size", "2k"], "invalid choice: '2k'"),
        (["CLIP", "--bg", "transparent"], "give another --bg"),
        (["CLIP", "--size", "4k", "--bg", "no.jpg"], "neither an existing file nor a known form"),
        (["CLIP", "--size", "4k", "--tnet-size", "7"], "T-Net size 7 is out of range"),
        (["CLIP", "--size", "4k", "--preset", "x"], "unknown preset 'x'"),
        (["CLIP", "-o", "o.mp4"], "unrecognized arguments: -o o.mp4 (see shm-stream bench --help)"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(run, clip, tmp_path, arguments, message):
    places = {"CLIP": clip, "PICTURE": tmp_path / "face.png"}
    cv2.imwrite(str(places["PICTURE"]), np.zeros((48, 64, 3), np.uint8))
    code, out, err = run(*[places.get(argument, argument) for argument in arguments])
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert err.startswith("shm-stream: error: ") and message in err


def test_without_the_example_a_clip_is_asked_for(run, monkeypatch, tmp_path):
    monkeypatch.setattr(bench_clip, "EXAMPLE", tmp_path / "webcam.mkv")
    code, _, err = run()
    assert code == 2 and err.count("\n") == 1 and "give a CLIP of your own" in err


def test_a_damaged_clip_is_measured_and_exit_1(run, tmp_path):
    whole = numbered_clip(tmp_path / "whole.mkv", 120)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    code, out, err = run(cut, "--json")
    assert code == 1 and "input ended early" in err
    assert 30 < json.loads(out)["frames"] < 120


def test_ctrl_c_leaves_nothing(clip, tmp_path):
    rooms = tmp_path / "temporary"
    rooms.mkdir()
    words = [*slow_command(0.05), "bench", str(clip)]
    options = {"stderr": subprocess.PIPE, "text": True, "env": os.environ | {"TMPDIR": str(rooms)}}
    with subprocess.Popen(words, **options, preexec_fn=default_signals) as process:
        assert process.stderr.readline() == "measuring ...\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err.count("\n") == 1 and "interrupted" in err
    assert not list(rooms.iterdir())
