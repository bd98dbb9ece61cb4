"""A real v4l2loopback device, in a machine that the test boots: `pytest -m slow tests/test_loopback_machine.py`."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from vm.machine import boot, download, what_is_missing

MISSING = what_is_missing() if sys.platform == "linux" else "v4l2loopback is Linux's"
TESTS = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]
pytest.importorskip("pyvirtualcam")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What vm/camera_job.py saw."""
    settings = f"PATH=/usr/bin:/bin HOME=/run TMPDIR=/run PYTHONPATH={shlex.quote(str(TESTS.parent))}"
    job = f"{settings} {shlex.quote(sys.executable)} {shlex.quote(str(TESTS / 'vm/camera_job.py'))} 2>&1"
    folder = tmp_path_factory.mktemp("machine")
    try:
        download(folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"without the kernel's packages: {error.stderr.strip()}")
    console = boot(folder, job)
    _, word, said = console.partition("REPORT ")  # what the firmware draws may stand before it in the line
    assert word, console[-3000:]
    return json.loads(said.splitlines()[0])


def test_another_process_reads_the_colours_from_the_device(report):
    assert report["path"] == "/dev/video0"
    assert report["read"], report["reader_said"]
    assert np.abs(np.array(json.loads(report["read"])) - [(200, 50, 255), (10, 200, 60)]).max() <= 6


def test_what_cannot_be_opened_is_said(report):
    assert "/dev/video9 does not exist" in report["absent"]
    assert "missing permissions" in report["forbidden"]
    assert "/dev/video0 is already in use" in report["busy"]
