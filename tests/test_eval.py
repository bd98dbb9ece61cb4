"""`shm-stream eval` on folders of photos: figures, lines, JSON, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from labelled_photos import RedRunner, block, the_error, write_red
from stand_ins import StandInRunner, numbered_clip, read_numbers
from training_setup import write_photo

from shm_stream import InputError, Matting, cli, engine_choice, progress
from shm_stream.evaluate import find_examples, ranking
from shm_stream.labelled import VALIDATION_EVERY
from shm_stream.measures import compare, mean_iou
from shm_stream.runners import default_runner
from shm_stream.source_images import read_image

pytestmark = pytest.mark.timeout(100)

PAPER, RVM = ("sad", "mse", "grad", "conn"), ("mad", "mse", "grad", "conn")


@pytest.fixture
def photos(tmp_path):
    """a: 10 grey steps too faint; b: right; c: a hard mask, matted too narrow; d: nobody there; e: no label."""
    folder = tmp_path / "photos"
    folder.mkdir()
    write_red(folder, "a", block(245), truth=block(255), person=block(255))
    write_red(folder, "b", block(255), truth=block(255))
    write_red(folder, "c", block(255, 12), person=block(255))
    write_red(folder, "d", block(51, 12), person=block(0))
    write_red(folder, "e", block(9))
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `shm-stream eval` in this process without weights; (exit code, stdout, stderr)."""

    def run(*arguments, runner=None):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner or RedRunner())
        code = cli.main(["eval", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def cells(out: str, name: str) -> list[str]:
    """What the line of a photo says."""
    (line,) = [line for line in out.splitlines() if line.split(" ")[0] == name]
    return line.split()[1:]


def test_lines_by_hand(run, photos):
    code, out, err = run(photos)
    assert (code, err) == (0, "")
    assert f"photos   4 in {photos}, split all; 1 without labels skipped" in out
    assert "preset   live, T-Net size 256" in out and "runner   stand-in on cpu" in out
    titles = [line.split() for line in out.splitlines() if line.startswith(" ")]
    assert titles == [
        ["paper"] * 4 + ["RVM"] * 4,
        ["SAD", "MSE", "Grad", "Conn", "MAD", "MSE", "Grad", "Conn", "mIoU", "empty"],
        ["x1e3"] * 2 + ["x1e5"] * 2 + ["x1e3"] * 2 + ["/1000"] * 2 + ["%", "x1e3"],
    ]
    a = cells(out, "a.png")
    fault = 10 / 255 / 2 * 1000  # ten steps of 255 in half of the pixels
    assert a[0] == a[4] == f"{fault:.2f}" and a[1] == a[5] == f"{1000 * (10 / 255) ** 2 / 2:.2f}"
    assert a[8:] == ["100.00", "-"]
    assert cells(out, "b.png") == ["0.00", "0.00", "0.0", "0.0", "0.00", "0.00", "0.000", "0.000", "-", "-"]
    assert cells(out, "c.png") == ["-"] * 8 + [f"{100 * (12 / 24 + 24 / 36) / 2:.2f}", "-"]
    assert cells(out, "d.png") == ["-"] * 9 + [f"{1000 * 0.2 / 4:.2f}"]  # alpha 0.2 in a quarter
    assert cells(out, "mean")[0] == f"{fault / 2:.2f}" and cells(out, "mean")[9] == "50.00"
    assert out.splitlines()[-1].split() == ["photos", *["2"] * 9, "1"]


def test_quiet_prints_titles_and_means_only(run, photos):
    code, out, err = run(photos, "-q")
    assert (code, err) == (0, "") and len(out.splitlines()) == 4
    assert out.splitlines()[-1].split() == cells(run(photos)[1], "mean")


def test_figures_are_those_of_still_with_the_real_networks(tmp_path, capsys):
    for seed in range(3):
        write_photo(tmp_path, f"p{seed}", seed)
    (tmp_path / "p2.alpha.png").unlink()
    assert cli.main(["eval", str(tmp_path), "--json", str(tmp_path / "out.json")]) == 0
    out, found = capsys.readouterr().out, json.loads((tmp_path / "out.json").read_text())
    matting, errors, scores = Matting(), [], []
    for seed in range(3):
        alpha = matting.still(read_image(tmp_path / f"p{seed}.jpg"))
        if seed < 2:
            truth = cv2.imread(str(tmp_path / f"p{seed}.alpha.png"), cv2.IMREAD_GRAYSCALE) / 255
            errors.append(compare(alpha, truth))
        scores.append(mean_iou(alpha, cv2.imread(str(tmp_path / f"p{seed}.mask.png"), cv2.IMREAD_GRAYSCALE) > 127))
    wanted = {f"paper_{name}": np.mean([e.paper[name] for e in errors]) for name in PAPER}
    wanted |= {f"rvm_{name}": np.mean([e.rvm[name] for e in errors]) for name in RVM}
    wanted["mean_iou_percent"] = 100 * np.mean(scores)
    assert found["means"] == pytest.approx(wanted, rel=1e-5)
    assert [float(cell) for cell in cells(out, "mean")[:9]] == pytest.approx([*wanted.values()], abs=0.06, rel=1e-3)
    assert found["counts"]["rvm_mad"] == 2 and found["counts"]["mean_iou_percent"] == 3
    assert found["runner"] == default_runner("cpu", "live")
    assert set(found["weights"]) >= {"live_tnet.onnx", "live_mnet.onnx"}


def test_json_goes_to_a_file_or_instead_of_the_lines(run, photos, tmp_path):
    code, out, err = run(photos, "--json", "-")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["photos"], found["without_labels"], found["left_out"]) == (4, 1, [])
    assert [image["name"] for image in found["images"]] == ["a.png", "b.png", "c.png", "d.png"]
    assert found["images"][3] == {"name": "d.png", "empty_mean_alpha": pytest.approx(50)}
    assert set(found["means"]) == set(found["units"]) == set(found["counts"])
    path = tmp_path / "out.json"
    assert run(photos, "--json", path, "-q")[0] == 0
    again = json.loads(path.read_text())
    assert again["means"] == found["means"] and again["date"][:2] == "20"


def test_splits_are_those_of_training(run, tmp_path):
    for index in range(VALIDATION_EVERY + 2):
        write_red(tmp_path, f"{index:03}", block(200), truth=block(200))
    write_red(tmp_path, "00", block(9))  # without a label: does not move the split
    every = [example.image.name for example in find_examples(tmp_path)[0]]
    validation = [example.image.name for example in find_examples(tmp_path, "validation")[0]]
    train = [example.image.name for example in find_examples(tmp_path, "train")[0]]
    assert validation == ["000.png", f"{VALIDATION_EVERY:03}.png"] and sorted(validation + train) == every
    code, out, _ = run(tmp_path, "--split", "validation")
    assert code == 0 and cells(out, validation[1]) and "001.png" not in out


def test_damaged_photos_are_left_out_and_named(run, photos):
    (photos / "a.png").write_bytes(b"no picture")
    write_red(photos, "c", block(255, 12), person=block(255)[:20])
    code, out, err = run(photos, "--json", "-")
    message = the_error(err)
    assert code == 1 and message.startswith("2 of 4 photos could not be measured and were left out; the first: ")
    assert f"cannot read {photos / 'a.png'} as an image" in message
    found = json.loads(out)
    assert [image["name"] for image in found["images"]] == ["b.png", "d.png"]
    assert "c.mask.png is 48x20, its photo is 48x40; make them the same size" in found["left_out"][1]


def test_nothing_but_damaged_photos_is_bad_input(run, tmp_path):
    write_red(tmp_path, "a", block(255), truth=block(255)[:, :9])
    code, _, err = run(tmp_path, "-q")
    assert code == 2 and "a.alpha.png is 9x40" in the_error(err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a FOLDER of labelled photos, or --video CLIP (see shm-stream eval --help)"),
        (["FOLDER", "--video", "x.mp4"], "give either a FOLDER of labelled photos or --video CLIP, not both"),
        (["FOLDER", "--alpha", "x.mp4"], "--alpha is the truth of a --video"),
        (["--alpha", "x.mp4"], "--alpha is the truth of a --video"),
        (["--video", "x.mp4", "--html", "r.html"], "--html is for folders of photos"),
        (["--video", "x.mp4", "--split", "all"], "--split is for folders of photos"),
        (["FOLDER", "--split", "some"], "argument --split: invalid choice: 'some'"),
        (["FOLDER", "--splt", "all"], "unrecognized arguments: --splt all (see shm-stream eval --help)"),
        (["FOLDER", "--html", "-"], "--html needs the name of a file"),
        (["FOLDER", "--preset", "x"], "unknown preset 'x'"),
        (["FOLDER", "--device", "x"], "unknown device 'x'"),
        (["FOLDER", "--tnet-size", "7"], "T-Net size 7 is out of range"),
        (["FOLDER/none"], "cannot read the folder"),
        (["FOLDER/a.png"], "Not a directory"),
        (["FOLDER", "--split", "validation", "--json", "FOLDER/a.alpha.png", "-y"], "is the input itself"),
        (["FOLDER", "--json", "FOLDER/none/o.json"], "does not exist; create it first"),
        (["FOLDER", "--json", "FOLDER", "-y"], "is a folder; give the name of a file"),
        (["FOLDER", "--json", "FOLDER/o", "--html", "FOLDER/../photos/o"], "--json and --html are both"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(run, photos, arguments, message):
    before = sorted(photos.parent.rglob("*"))
    code, out, err = run(*[argument.replace("FOLDER", str(photos)) for argument in arguments])
    assert (code, out) == (2, "") and message in the_error(err)
    assert sorted(photos.parent.rglob("*")) == before


def test_folders_without_labels(run, tmp_path):
    code, _, err = run(tmp_path)
    assert code == 2 and "no labelled photo in" in the_error(err) and "put X.mask.png or X.alpha.png" in err
    write_red(tmp_path, "a", block(255), truth=block(255))
    code, _, err = run(tmp_path, "--split", "train")
    assert code == 2 and "the train split of" in the_error(err) and "(1 labelled photos); use --split all" in err
    with pytest.raises(InputError, match="cannot read the folder"):
        find_examples(tmp_path / "none")


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_existing_files_need_y(run, photos, tmp_path, option):
    path = tmp_path / "out"
    path.write_text("precious")
    code, out, err = run(photos, option, path)
    assert (code, out) == (2, "") and the_error(err) == f"{path} exists; add -y to overwrite it"
    assert path.read_text() == "precious"
    assert run(photos, option, path, "-y")[0] == 0 and path.read_text() != "precious"


def test_a_failure_leaves_no_file(run, photos, tmp_path, monkeypatch):
    class Failing(RedRunner):
        def mnet(self, x):
            raise ZeroDivisionError("two\nlines")

    outputs = ["--json", tmp_path / "o.json", "--html", tmp_path / "o.html"]
    code, _, err = run(photos, *outputs, runner=Failing())
    assert code == 1 and the_error(err).startswith("internal error, please report it: ZeroDivisionError: two lines")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]

    def full(partial, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shm_stream.partial.commit", full)
    code, _, err = run(photos, *outputs)
    assert code == 1 and "o.html: No space left on device" in the_error(err)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_ranking_is_by_mad_or_else_by_iou(run, photos):
    from shm_stream.evaluate import measure_photo

    matting = Matting(runner=RedRunner())
    results = [measure_photo(matting, example) for example in find_examples(photos)[0]]
    assert [r.name[0] for r in ranking(results)] == ["d", "a", "b"]  # 0.05, 0.0196, 0; c has no alpha to compare
    assert [r.name[0] for r in ranking(results[2:])] == ["c", "d"]  # 1 - 0.583, then mean alpha 0.05


def command(photos, *arguments):
    return [sys.executable, "-m", "shm_stream", "eval", str(photos), *arguments]


def test_a_full_or_closed_stdout_is_one_line(tmp_path):
    for seed in range(2):
        write_photo(tmp_path, f"p{seed}", seed)
    with open("/dev/full", "w") as full:
        done = subprocess.run(command(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and the_error(done.stderr) == "cannot write to standard output: No space left on device"
    with subprocess.Popen(command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert the_error(process.stderr.read()) == "cannot write to standard output: Broken pipe"
        assert process.wait(timeout=60) == 1


def test_names_that_stdout_cannot_encode(tmp_path):
    write_photo(tmp_path, "größe", 1)
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0 and r"gr\xf6\xdfe.jpg" in done.stdout


def test_help_is_complete_and_the_main_help_names_eval(capsys):
    for arguments, words in (
        (["eval", "--help"], ["--split", "--video", "--html", "--json", "X.alpha.png", "dtSSD", "flicker", "x 1e5"]),
        (["--help"], ["shm-stream eval"]),
    ):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        out = capsys.readouterr().out
        assert caught.value.code == 0 and all(word in out for word in words)


def test_a_file_called_eval_is_still_an_input(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    numbered_clip(tmp_path / "clip.mp4", 3).rename(tmp_path / "eval")
    assert cli.main(["./eval", "--bg", "red", "-o", "o.mp4", "-q"]) == 0, capsys.readouterr().err
    assert read_numbers(tmp_path / "o.mp4") == [0, 1, 2]


def test_the_progress_bar_leaves_redirected_lines_alone(monkeypatch):
    """rich would send what is printed to the bar's own stream: into stderr, though stdout is a file."""
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda self: True))
    stdout = sys.stdout
    with progress.LiveProgress(3):
        assert sys.stdout is stdout
