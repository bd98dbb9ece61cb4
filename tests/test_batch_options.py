"""`shm-stream batch`: what is refused before anything starts, and the help."""

from __future__ import annotations

import pytest
from batch_runs import input_folder, write_shots

from shm_stream import cli

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return write_shots(input_folder(tmp_path, monkeypatch))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [(["a.avi"], [], "a.avi and a.mp4 would both become a.mp4"),
     (["day/b.webm"], ["--suffix", ".mov"], "day/b.mkv and day/b.webm would both become day/b.mov"),
     (["day/c.alpha.jpg"], ["--alpha"], "day/c.alpha.jpg and day/c.png would both become day/c.alpha.png")],
)  # fmt: skip
def test_two_inputs_for_one_name_are_an_error_before_anything_starts(capsys, folder, out, names, arguments, message):
    for name in names:
        (folder / name).write_bytes(b"x")
    code = cli.main(["batch", str(folder), str(out), "--bg", "red", *arguments])
    _, err = capsys.readouterr()
    assert code == 2 and err == f"shm-stream: error: {message}; rename one of them\n" and not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: IN, OUT (see shm-stream batch --help)"),
        (["NONE", "OUT", "--bg", "red"], "none does not exist; give the folder"),
        (["FILE", "OUT", "--bg", "red"], "a.mp4 is a file; give the folder"),
        (["IN", "IN", "--bg", "red"], "are the same folder"),
        (["IN", "IN/results", "--bg", "red"], "inputs and results need folders apart"),
        (["IN/day", "IN", "--bg", "red"], "inputs and results need folders apart"),
        (["IN", "PLAIN", "--bg", "red"], "cannot make the folder"),
        (["IN", "/proc/results", "--bg", "red"], "cannot make the folder /proc/results"),
        (["EMPTY", "OUT", "--bg", "red"], "no videos or photos in"),
        (["IN", "OUT"], "nothing to write: give --bg BACKGROUND (or --alpha/--foreground)"),
        (["IN", "OUT", "--bg", "nosuch.jpg"], "neither an existing file nor a known form"),
        (["IN", "OUT", "--bg", "red", "--preset", "huge"], "unknown preset 'huge'"),
        (["IN", "OUT", "--bg", "red", "--preset", "paper"], "no weights for preset 'paper'"),
        (["IN", "OUT", "--bg", "red", "--device", "tpu"], "unknown device 'tpu'"),
        (["IN", "OUT", "--bg", "red", "--jobs", "0"], "'0' is not a whole number from 1 up"),
        (["IN", "OUT", "--bg", "red", "--frames", "x"], "'x' is not a whole number from 1 up"),
        (["IN", "OUT", "--bg", "red", "-t", "0"], "duration 0.0 is not usable"),
        (["IN", "OUT", "--bg", "red", "--suffix", ".wmv"], "unknown extension; use one of .mp4"),
        (["IN", "OUT", "--bg", "transparent", "--suffix", ".mp4"], ".mp4 video has no transparency"),
        (["IN", "OUT", "--bg", "transparent", "--image-suffix", ".jpg"], ".jpg has no transparency"),
        (["IN", "OUT", "--bg", "red", "--codec", "nocodec"], "unknown video codec 'nocodec'"),
        (["IN", "OUT", "--alpha", "--crf", "99"], "crf 99 is out of range"),
        (["IN", "OUT", "--bg", "red", "--tnet-size", "7"], "T-Net size 7 is out of range"),
    ],
)
def test_bad_options_are_one_line_and_exit_2(capsys, folder, out, arguments, message):
    empty = folder.with_name("empty")
    empty.mkdir()
    places = {"IN": folder, "OUT": out, "EMPTY": empty, "NONE": folder.with_name("none"), "FILE": folder / "a.mp4"}
    places["IN/results"], places["IN/day"] = folder / "results", folder / "day"
    places["PLAIN"] = folder.with_name("weights") / "manifest.json"
    code = cli.main(["batch", *[str(places.get(text, text)) for text in arguments]])
    _, err = capsys.readouterr()
    assert code == 2 and err.count("\n") == 1 and err.startswith("shm-stream: error: ") and message in err
    assert not out.exists() and not (folder / "results").exists()


def test_help_is_complete(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["batch", "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    for word in ("IN", "OUT", "--alpha", "--suffix", "--jobs", "--watch", "--report", "--progress", "Exit code"):
        assert word in text
