"""Every script in training/: its help, and what it says at once instead of after its work."""

import importlib
import sys
from pathlib import Path

import pytest

for name in ("torch", "pymatting", "onnx", "matplotlib"):
    pytest.importorskip(name)

from training import options  # noqa: E402

pytestmark = pytest.mark.timeout(120)

FOLDER = Path(options.__file__).parent
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if "\ndef main(" in path.read_text(encoding="utf-8"))
SWEEPS = [script for script in SCRIPTS if script.startswith("sweep_")]
SHEETS = ("contact_sheet", "show")


@pytest.fixture
def run(monkeypatch, capsys):
    """Exit code, stdout and stderr of a script with these words behind its name."""

    def call(script: str, *words) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [script, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            importlib.import_module(f"training.{script}").main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


@pytest.mark.parametrize("script", [*SCRIPTS, "experiments.__main__"])
def test_help(run, script):
    code, out, err = run(script, "--help")
    assert (code, err) == (0, "") and out.startswith(f"usage: {script}") and len(out.splitlines()) > 5


@pytest.mark.parametrize(
    ("script", "option"),
    [
        *((script, "--json") for script in (*SWEEPS, "error_budget", "evaluate", "evaluate_composites")),
        *((script, "--plot") for script in ("sweep_shapes", "sweep_width")),
        *((script, "--out") for script in SHEETS),
    ],
)
def test_results_that_cannot_be_written(run, tmp_path, script, option):
    words = ["photo.jpg"] if script in SHEETS else ["--data", tmp_path / "data"]
    words += ["--out", tmp_path / "out"] if script == "sweep_width" else []
    no_folder = f"error: the output folder {tmp_path / 'no'} does not exist; create it first\n"
    assert run(script, *words, option, tmp_path / "no" / "x.png") == (2, "", no_folder)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        ("sweep_interval", ["--intervals", "2,0"], "--intervals must be 1 or more"),
        ("sweep_interval", ["--frames", 1], "--frames must be 2 or more"),
        ("sweep_steadiness", ["--frames", 0], "--frames must be 2 or more"),
        ("sweep_shapes", ["--tiles", "4,6"], "--tiles must be multiples of M-Net's blocks of 4"),
        ("sweep_width", ["--out", "out", "--widths", "0"], "--widths must be 1 or more"),
    ],
)
def test_what_cannot_be_swept(run, tmp_path, monkeypatch, script, words, message):
    monkeypatch.chdir(tmp_path)
    assert run(script, "--data", tmp_path, *words) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize("script", SHEETS)
def test_a_photo_that_is_not_there(run, tmp_path, script):
    code, out, err = run(script, tmp_path / "no.jpg", "--out", tmp_path / "sheet.png")
    assert (code, out) == (2, "") and err.startswith(f"error: cannot read {tmp_path / 'no.jpg'}")
