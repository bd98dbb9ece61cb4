"""What is imported when: no torch on a CPU, one library for the networks, nothing heavy before there is work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shm_stream.device import missing_for_cuda
from shm_stream.runners import default_runner

pytestmark = pytest.mark.timeout(90)

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"
HEAVY = ("torch", "onnxruntime", "openvino", "numpy", "av", "cv2", "rich", "safetensors")
PROBE = """
import json, sys
from shm_stream import cli
try:
    code = max(cli.main(words) for words in json.loads(sys.argv[1]))
except SystemExit as ended:  # --version and --help
    code = ended.code
print("imported:", *sys.modules)
sys.exit(code)
"""


def imported(*commands: list) -> set[str]:
    """The modules there at the end of the commands, run in a process of their own, after they succeeded."""
    words = [sys.executable, "-c", PROBE, json.dumps([[str(word) for word in command] for command in commands])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


NEEDS = {"native": {"onnxruntime"}, "onnxruntime": {"onnxruntime"}, "openvino": {"openvino"}}
"""What runners without torch import of what others are made of."""


@pytest.mark.parametrize("runner", NEEDS)
def test_jobs_on_a_cpu_never_import_torch(tmp_path, monkeypatch, runner):
    """A colour, three outputs, a transparent one."""
    if runner == "openvino":
        pytest.importorskip("openvino", reason="pip install 'shm-stream[openvino]'")
    monkeypatch.chdir(tmp_path)
    outputs = [
        ["--bg", "red", "-o", "a.mp4"],
        ["--bg", "blur", "-o", "b.mp4", "--alpha", "c.mp4", "--foreground", "d.mp4"],
        ["--bg", "transparent", "-o", "e.mov"],
    ]
    modules = imported(*[[EXAMPLE, *words, "--frames", "3", "--runner", runner, "-q"] for words in outputs])
    assert modules & {"torch", "onnxruntime", "openvino"} == NEEDS[runner]
    assert all((tmp_path / name).stat().st_size > 0 for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mov"))


def test_the_job_that_users_get_does_not_import_torch(tmp_path):
    """Whatever runner is the fastest here, when nothing is said about it; with a GPU, when the CPU is asked for."""
    device = [] if missing_for_cuda() else ["--device", "cpu"]
    modules = imported([EXAMPLE, "--bg", "red", "-o", tmp_path / "a.mp4", "--frames", "3", "-q", *device])
    assert modules & {"torch", "onnxruntime", "openvino"} == NEEDS[default_runner("cpu", "live")]


def test_a_job_on_torch_does(tmp_path):
    """The probe can tell."""
    pytest.importorskip("torch")
    words = ["--bg", "red", "-o", tmp_path / "a.mp4", "--frames", "1", "--runner", "torch", "-q"]
    modules = imported([EXAMPLE, *words])
    assert "torch" in modules and "onnxruntime" not in modules


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["batch", "--help"]], ids=" ".join)
def test_help_and_version_import_nothing_heavy(arguments):
    assert not imported(arguments) & {*HEAVY}
