"""What is imported when: no torch beside onnxruntime, nothing heavy before there is something to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(90)

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"
HEAVY = ("torch", "onnxruntime", "numpy", "av", "cv2", "rich", "safetensors")
PROBE = """
import sys
from shm_stream import cli
try:
    code = cli.main(sys.argv[1:])
except SystemExit as ended:  # --version and --help
    code = ended.code
print("imported:", *sys.modules)
sys.exit(code)
"""


def imported(*arguments) -> set[str]:
    """The modules there at the end of the command, run in a process of its own, after it succeeded."""
    words = [sys.executable, "-c", PROBE, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "outputs",
    [
        ["--bg", "red", "-o", "a.mp4"],
        ["--bg", "blur", "-o", "a.mp4", "--alpha", "b.mp4", "--foreground", "c.mp4"],
        ["--bg", "transparent", "-o", "a.mov"],
    ],
    ids=["colour", "three outputs", "transparent"],
)
def test_a_job_on_onnxruntime_never_imports_torch(tmp_path, monkeypatch, outputs):
    monkeypatch.chdir(tmp_path)
    modules = imported(EXAMPLE, *outputs, "--frames", "3", "--runner", "onnxruntime", "-q")
    assert "onnxruntime" in modules and "torch" not in modules
    assert all((tmp_path / name).stat().st_size > 0 for name in outputs if name.startswith(("a.", "b.", "c.")))


def test_a_job_on_torch_does(tmp_path):
    """The probe can tell."""
    pytest.importorskip("torch")
    modules = imported(EXAMPLE, "--bg", "red", "-o", tmp_path / "a.mp4", "--frames", "1", "--runner", "torch", "-q")
    assert "torch" in modules and "onnxruntime" not in modules


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["batch", "--help"]], ids=" ".join)
def test_help_and_version_import_nothing_heavy(arguments):
    assert not imported(*arguments) & {*HEAVY}
