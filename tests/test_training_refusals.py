"""What training scripts cannot do is one line at once, not a traceback, and not after hours."""

import json
import os
import subprocess
import sys

import pytest
from training_setup import ROOT, joint_options, mnet_options, refusal_here, tnet_options

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from shm_stream.preset import get_preset  # noqa: E402
from training import checkpoint, checks, export, options, train_all  # noqa: E402

pytestmark = pytest.mark.timeout(120)
NO_SIZE = "T-Net cannot read samples of that --size"
START = {"train_tnet": tnet_options, "train_mnet": mnet_options, "train_joint": joint_options}


@pytest.fixture
def refused(monkeypatch, capsys):
    """The one line that a script says and ends with 2."""

    return lambda script, given: refusal_here(monkeypatch, capsys, script, given)


@pytest.mark.parametrize(
    ("script", "wrong", "message"),
    [
        ("train_tnet", {"batch": 0}, "--batch must be 1 or more"),
        ("train_tnet", {"log_every": 0}, "--log-every must be 1 or more"),
        ("train_tnet", {"sizes": "64,0"}, "--sizes must be 1 or more"),
        ("train_tnet", {"square": True, "size": 50}, f"50 is no multiple of 32: {NO_SIZE}"),
        ("train_tnet", {"square": True, "sizes": "64,80"}, f"80 is no multiple of 32: {NO_SIZE}"),
        ("train_mnet", {"steps": 0}, "--steps must be 1 or more"),
        ("train_mnet", {"workers": -1}, "--workers must be 0 or more"),
        ("train_joint", {"size": 200}, f"200 is no multiple of 96: {NO_SIZE}"),
        ("train_joint", {"ratio": 0}, "--ratio must be 1 or more"),
        ("evaluate_composites", {"count": 0}, "--count must be 1 or more"),
    ],
)
def test_numbers_that_cannot_be(refused, training_data, tmp_path, script, wrong, message):
    given = START[script](training_data, tmp_path, 1) if script in START else {"data": training_data}
    assert refused(script, given | wrong) == message


@pytest.mark.parametrize("script", START)
def test_results_that_cannot_be_kept(refused, training_data, tmp_path, script):
    (tmp_path / "file").write_text("no folder")
    given = START[script](training_data, tmp_path, 1)
    for option, path in (("out", tmp_path / "file" / "x.pt"), ("cache", tmp_path / "file")):
        assert refused(script, given | {option: path}).startswith(f"the folder {tmp_path / 'file'} cannot be made")
    assert refused(script, given | {"out": tmp_path}) == f"{tmp_path} is a folder; give the name of a file"


def test_pictures_and_weights_that_cannot_be_kept(refused, training_data, tmp_path):
    (tmp_path / "file").write_text("no folder")
    line = f"the folder {tmp_path / 'file'} cannot be made"
    assert refused("evaluate_composites", {"data": training_data, "folder": tmp_path / "file"}).startswith(line)
    assert refused("export", {"joint": tmp_path / "j.pt", "weights": tmp_path / "file"}).startswith(line)


@pytest.fixture(params=["no averaged weights", "a list"])
def no_checkpoint(request, tmp_path):
    """A .pt file that no stage wrote, and what is said of it."""
    path = tmp_path / "x.pt"
    torch.save({"a": torch.zeros(1)} if request.param == "no averaged weights" else [1, 2], path)
    return path, f"{path} is no checkpoint"


def test_files_that_are_no_checkpoints(refused, training_data, tmp_path, no_checkpoint):
    path, line = no_checkpoint
    for given in ({"joint": path}, {"tnet": path, "mnet": path}):
        assert refused("export", given | {"weights": tmp_path / "w"}).startswith(line)
    given = mnet_options(training_data, tmp_path, 1)
    assert refused("train_mnet", given | {"init": path}).startswith(line)
    (tmp_path / "tnet.pt").write_bytes(path.read_bytes())
    assert "tnet.pt is no checkpoint" in refused("train_joint", joint_options(training_data, tmp_path, 1))
    assert refused("train_mnet", given | {"out": path}).startswith((line, f"{path} holds no run to go on with"))
    with pytest.raises(ValueError, match="is no checkpoint"):
        checkpoint.load_average(path)


def test_facts_that_cannot_be_read(refused, tmp_path):
    given = {"joint": tmp_path / "j.pt", "weights": tmp_path / "w"}
    none = tmp_path / "none.json"
    assert refused("export", given | {"facts": none}) == f"cannot read {none}: No such file or directory"
    for content in ("[]", "{"):
        (tmp_path / "facts.json").write_text(content)
        assert str(tmp_path / "facts.json") in refused("export", given | {"facts": tmp_path / "facts.json"})


def test_facts_of_older_weights_are_not_lost_silently(refused, training_data, tmp_path):
    """Nor kept for new weights, of which they do not hold."""
    folder = tmp_path / "weights"
    folder.mkdir()
    entry = {"commit": "c", "licence": "MIT", "metrics": {"a": 1}, "files": {}}
    (folder / "manifest.json").write_text(json.dumps({"live": entry, "studio": {"commit": "d", "files": {}}}))
    line = f"{folder}/manifest.json has licence, metrics of the 'live' weights there now; give --facts"
    given = {"joint": tmp_path / "j.pt", "weights": folder}
    assert refused("export", given).startswith(line)
    assert export.check(export.Options(**given, preset="studio")) == {}, "of these nothing is said"
    (tmp_path / "facts.json").write_text('{"licence": "mine"}')
    assert export.check(export.Options(**given, facts=tmp_path / "facts.json")) == {"licence": "mine"}
    stages = train_all.plan({}, {"data": training_data, "out": tmp_path})
    with pytest.raises(ValueError, match="give --facts"):
        train_all.train(stages)
    assert not list(tmp_path.glob("*.pt")), "said before any stage"


def test_sizes_of_the_paper_are_free():
    checks.check_size("paper", 50)
    assert get_preset("paper").encoder is None


def test_a_reader_who_has_gone():
    program = "from training import options; options.in_one_line(lambda: [print('x' * 100) for _ in range(2000)])"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    script = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    script.stdout.readline()
    script.stdout.close()
    assert script.stderr.read() == "error: cannot write to standard output: Broken pipe\n" and script.wait() == 1


def test_what_is_printed_last_is_written_before_the_end(capsys):
    options.in_one_line(lambda: print("done"))
    assert capsys.readouterr().out == "done\n"
