"""The command: exit codes, one line for each error, what is printed where."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import time

import pytest
from stand_ins import StandInRunner, default_signals, numbered_clip, read_numbers, slow_command

from shm_stream import cli, engine_choice, progress
from shm_stream.cli_options import job_options, make_parser, parse_time

pytestmark = pytest.mark.timeout(60)



@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 12)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process without weights; (exit code, stderr)."""

    def run(*arguments, runner=None):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner or StandInRunner())
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return run


def the_error(err):
    """The one line that an error is."""
    assert err.count("\n") == 1 and err.startswith("shm-stream: error: "), err
    return err[len("shm-stream: error: ") :].strip()


def test_the_main_job(run, clip, tmp_path):
    code, err = run(clip, "--bg", "#00ff00")
    assert code == 0 and read_numbers(tmp_path / "clip_composite.mp4") == list(range(12))
    speed = r"12 frames in [\d.]+ s \([\d.]+ fps\)"
    assert re.fullmatch(speed + r" · device cpu · runner stand-in · kernel \w+ → .*/clip_composite.mp4\n", err)


def test_quiet_is_silent_and_verbose_says_more(run, clip, tmp_path):
    assert run(clip, "--bg", "red", "-q") == (0, "")
    code, err = run(clip, "--bg", "red", "-y", "-v")
    assert code == 0 and "128x48, about 12 frames, 25 fps" in err and "tnet: " in err and "busy" in err


def test_range_and_all_outputs(run, clip, tmp_path):
    out, alpha, foreground = (tmp_path / name for name in ("o.mkv", "a.mp4", "f.mov"))
    code, err = run(
        clip, "--bg", "blur:9", "-o", out, "--alpha", alpha, "--foreground", foreground, "-ss", "0.2", "-t", "0:00.2",
        "--crf", "12",
    )  # fmt: skip
    assert code == 0 and str(out) in err and str(alpha) in err and str(foreground) in err
    assert read_numbers(out) == read_numbers(foreground) == list(range(5, 10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: INPUT (see shm-stream --help)"),
        (["CLIP"], "nothing to write: give --bg BACKGROUND (or --alpha/--foreground PATH)"),
        (["CLIP", "-o", "o.mp4"], "output o.mp4 needs a background: give --bg BACKGROUND"),
        (["CLIP", "--bg", "red", "--colour"], "unrecognized arguments: --colour (see"),
        (["CLIP", "--bg"], "argument --bg: expected one argument (see"),
        (["CLIP", "--bg", "red", "-ss", "soon"], "argument -ss/--start: 'soon' is not a time; give seconds"),
        (["CLIP", "--bg", "red", "-ss", "-1"], "'-1' is not a time"),
        (["CLIP", "--bg", "red", "-t", "0"], "duration 0.0 is not usable"),
        (["CLIP", "--bg", "red", "--frames", "few"], "'few' is not a whole number"),
        (["CLIP", "--bg", "red", "--frames", "0"], "frame limit 0"),
        (["CLIP", "--bg", "red", "--runner", "x"], "argument --runner: invalid choice: 'x'"),
        (["CLIP", "--bg", "red", "--preset", "x"], "unknown preset 'x': choose one of live, studio, paper"),
        (["CLIP", "--bg", "red", "--device", "x"], "unknown device 'x': choose auto, cpu, cuda or cuda:N"),
        (["CLIP", "--bg", "red", "--tnet-size", "7"], "T-Net size 7 is out of range"),
        (["CLIP", "--bg", "no.jpg"], "neither an existing file nor a known form"),
        (["none.mp4", "--bg", "red"], "none.mp4 does not exist"),
        (["CLIP", "--bg", "red", "-o", "CLIP", "-y"], "is the input itself"),
        (["CLIP", "--bg", "red", "-o", "CLIP"], "is the input itself"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(run, clip, tmp_path, arguments, message):
    code, err = run(*[clip if argument == "CLIP" else argument for argument in arguments])
    assert code == 2
    assert message in the_error(err)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_existing_output_needs_y(run, clip, tmp_path):
    out = tmp_path / "o.mp4"
    out.write_bytes(b"precious")
    code, err = run(clip, "--bg", "red", "-o", out)
    assert code == 2 and the_error(err) == f"{out} exists; add -y to overwrite it"
    assert out.read_bytes() == b"precious"
    assert run(clip, "--bg", "red", "-o", out, "-y", "-q") == (0, "")


def test_a_missing_gpu_is_named(run, clip, monkeypatch):
    from shm_stream import device

    monkeypatch.setattr(device, "DRIVER", "libnothing.so.1")
    code, err = run(clip, "--bg", "red", "--device", "cuda")
    assert code == 2 and "no NVIDIA driver is installed (libnothing.so.1 is missing)" in the_error(err)
    assert device.choose_device("auto") == "cpu"
    monkeypatch.setattr(device, "_driver_problem", lambda index: None)
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", None)
    code, err = run(clip, "--bg", "red", "--device", "cuda:1")
    assert code == 2 and "was built without CUDA" in the_error(err)


class Failing(StandInRunner):
    def mnet(self, x):
        raise ZeroDivisionError("two\nlines")


def test_an_internal_error_is_one_line_and_exit_1(run, clip, tmp_path, monkeypatch):
    code, err = run(clip, "--bg", "red", runner=Failing())
    assert code == 1 and the_error(err) == "internal error, please report it: ZeroDivisionError: two lines"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    for arguments, variable in (["-vv"], "0"), (["-v", "-v"], ""), (["-q"], "1"):
        monkeypatch.setenv("SHM_STREAM_DEBUG", variable)
        code, err = run(clip, "--bg", "red", *arguments, runner=Failing())
        assert code == 1 and "Traceback" in err and "in mnet" in err


def test_truncated_input_is_exit_1_and_kept(run, tmp_path):
    whole = numbered_clip(tmp_path / "whole.mkv", 120)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    code, err = run(cut, "--bg", "red", "-q")
    assert code == 1 and "input ended early" in the_error(err)
    assert read_numbers(tmp_path / "cut_composite.mkv")[:30] == list(range(30))


def test_help_and_version(capsys):
    for argument, text in (("--help", "INPUT"), ("--version", "shm-stream ")):
        with pytest.raises(SystemExit) as caught:
            cli.main([argument])
        assert caught.value.code == 0
        assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("1.5", 1.5), (".5", 0.5), ("1:30", 90), ("01:02:03.250", 3723.25), ("100:00:00", 360000)],
)
def test_times(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-1", "1:60", "1:2:3:4", "a", "1e3", "nan", "inf", "1:", ":1", "60:00:61", "1:100"]
)
def test_no_times(text):
    with pytest.raises(argparse.ArgumentTypeError):
        parse_time(text)


def test_options_become_a_job():
    text = "in.mp4 --bg red -ss 1:00 --tnet-size 320 -vv"
    options = job_options(make_parser().parse_args(text.split()), print)
    assert (options.input, options.bg, options.start, options.tnet_size) == ("in.mp4", "red", 60, 320)
    assert (options.preset, options.device, options.runner, options.overwrite) == ("live", "auto", None, False)


def test_plain_progress_is_rare(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    plain = progress.PlainProgress(100)
    for count in range(1, 51):
        now[0] = count * 0.5
        plain.update(count)
    assert capsys.readouterr().err.splitlines() == [
        "20 of about 100 frames, 2.0 fps, 0:00:40 left",
        "40 of about 100 frames, 2.0 fps, 0:00:30 left",
    ]


def test_live_progress_draws_and_ends(monkeypatch, capsys):
    with progress.LiveProgress(3) as live:
        for count in (1, 2, 3, 4):
            live.update(count)
    with progress.LiveProgress(None) as live:
        live.update(1)


def start_slow_job(clip, out):
    arguments = [*slow_command(0.02), str(clip), "--bg", "red", "-o", str(out)]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, preexec_fn=default_signals)
    deadline = time.monotonic() + 30
    while not list(out.parent.glob(".o.*")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_a_playable_file(tmp_path, number):
    clip, out = numbered_clip(tmp_path / "clip.mp4", 250), tmp_path / "o.mp4"
    process = start_slow_job(clip, out)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    numbers = read_numbers(out)
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"shm-stream: error: interrupted; the outputs hold the first {len(numbers)} frames"
    assert numbers == list(range(len(numbers))) and 0 < len(numbers) < 250
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "o.mp4"]


def test_a_second_ctrl_c_removes_the_file(tmp_path):
    clip, out = numbered_clip(tmp_path / "clip.mp4", 250), tmp_path / "o.mp4"
    process = start_slow_job(clip, out)
    process.send_signal(signal.SIGINT)
    time.sleep(0.03)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert the_error(err) == "interrupted; no unfinished file was kept"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_as_a_module():
    done = subprocess.run([sys.executable, "-m", "shm_stream", "--version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("shm-stream ")
