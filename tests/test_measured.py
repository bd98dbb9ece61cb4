"""Which weights the measuring scripts measure, and the flicker over a folder of clips."""

import json
import shutil
import sys

import pytest
from media import numbered_picture, write_video

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from shm_stream import weights  # noqa: E402
from training import error_budget, evaluate, evaluate_composites, evaluate_flicker, measured  # noqa: E402

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def other_weights(tmp_path, monkeypatch):
    """A copy of the weights of `live` alone, in a folder of its own."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(weights.folder()))  # what a script sets goes with it again
    folder = tmp_path / "other"
    folder.mkdir()
    entry = weights.manifest()["live"]
    for name in entry["files"]:
        shutil.copy(weights.folder() / name, folder)
    (folder / "manifest.json").write_text(json.dumps({"live": entry}))
    return folder


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "data" / "videos"
    folder.mkdir(parents=True)
    for name, start in (("a", 0), ("b", 20)):
        write_video(folder / f"{name}.mkv", [numbered_picture(start + number) for number in range(3)])
    (folder / "c.mp4").write_text("no .mkv: not measured with --data")
    return folder


def test_weights_of_a_folder_are_named_and_loaded(other_weights, capsys):
    runner = measured.load("live", "native", other_weights)
    digest = weights.manifest()["live"]["files"]["live.safetensors"]["sha256"]
    said = capsys.readouterr().out
    assert said.startswith(f"weights in {other_weights}: live.safetensors {digest[:12]}, ")
    assert said.endswith(f"; runner {runner.name}\n") and weights.folder() == other_weights


def test_a_damaged_folder_is_measured_by_none(other_weights, tmp_path):
    (other_weights / "live_tnet.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match="live_tnet.onnx has 0 bytes"):
        measured.load("live", "onnxruntime", other_weights)
    with pytest.raises(ValueError, match=f"{tmp_path} holds no manifest.json; give a folder that"):
        measured.load("live", "", tmp_path)


@pytest.mark.parametrize("script", [evaluate, evaluate_composites, error_budget])
def test_every_measure_says_first_what_it_measures(run_training, training_data, other_weights, monkeypatch, script):
    monkeypatch.setattr(evaluate, "SETS", ("groups",))
    monkeypatch.setattr(error_budget, "SETS", ("groups",))
    short = {"count": 1, "size": 64} if script is evaluate_composites else {}
    printed = run_training(script, data=training_data, weights=other_weights, **short)
    assert printed.startswith(f"weights in {other_weights}: live.safetensors ") and printed.count("\n") > 1


def test_flicker_is_summed_over_the_clips(run_training, clips, other_weights, tmp_path):
    json_file = tmp_path / "flicker.json"
    lines = run_training(evaluate_flicker, data=clips.parent, weights=other_weights, json=json_file).splitlines()
    assert lines[0].startswith(f"weights in {other_weights}") and len(lines) == 5
    found = json.loads(json_file.read_text())
    assert list(found["clips"]) == ["a.mkv", "b.mkv"] and found["sums"]["frames"] == 6
    for name in (evaluate_flicker.WITH, evaluate_flicker.WITHOUT):
        assert found["sums"][name] == pytest.approx(sum(clip[name] for clip in found["clips"].values()))
    assert lines[-1].startswith("sums over 2 clips")


def test_the_ratio_is_that_of_the_sums():
    rows = [
        {evaluate_flicker.WITH: 1.0, evaluate_flicker.WITHOUT: 4.0, "frames": 3},
        {evaluate_flicker.WITH: 1.0, evaluate_flicker.WITHOUT: 1.0, "frames": 2},
    ]
    said = evaluate_flicker.line("sums", evaluate_flicker.total(rows))
    assert said.split() == ["sums", "2.000", "5.000", "0.400", "5"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either --data, whose videos/*.mkv are measured, or --clips"),
        (["--data=x", "--clips=y"], "give either --data, whose videos/*.mkv are measured, or --clips"),
        (["--data=x"], "x/videos holds no clips (*.mkv)"),
        (["--clips=y"], "y holds no clips"),
    ],
)
def test_no_clips(monkeypatch, capsys, tmp_path, options, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evaluate_flicker", *options])
    with pytest.raises(SystemExit) as ended:
        evaluate_flicker.main()
    assert ended.value.code == 2 and capsys.readouterr().err == f"error: {message}\n"
