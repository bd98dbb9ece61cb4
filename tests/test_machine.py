"""Facts about this machine and process."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from shm_stream import machine
from shm_stream.runners import RUNNERS

pytestmark = pytest.mark.timeout(60)

HOLD_AND_LET_GO = """
import numpy as np
from shm_stream.machine import peak_rss_mb, rss_mb
held = np.ones(200_000_000, np.uint8)
with_it = rss_mb()
del held
print(with_it, rss_mb(), peak_rss_mb())
"""


def test_processor_and_cores():
    assert machine.processor().strip()
    assert machine.cores() >= 1


def test_versions_are_those_that_are_loaded(monkeypatch):
    import numpy

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    versions = machine.loaded_versions()
    assert versions["numpy"] == numpy.__version__ and versions["python"].startswith(f"3.{sys.version_info[1]}")
    assert "torch" not in versions


@pytest.mark.parametrize("name", sorted({*RUNNERS} - {"native"}))
def test_runners_are_among_those(monkeypatch, name):
    """Each that is a library of its own, whether it is installed here or not."""
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(__version__="1.2.3-4"))
    assert machine.loaded_versions()[name] == "1.2.3-4"


@pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell")
def test_memory_now_and_at_its_peak():
    held = bytearray(b"x") * 300_000_000  # a parent's memory must not count as its child's
    done = subprocess.run([sys.executable, "-c", HOLD_AND_LET_GO], capture_output=True, text=True, timeout=60)
    del held
    assert done.returncode == 0, done.stderr
    with_it, without, peak = map(float, done.stdout.split())
    assert with_it - without == pytest.approx(200, abs=5)
    assert with_it - 1 <= peak < 300


def test_the_peak_without_proc(monkeypatch):
    pytest.importorskip("resource")
    monkeypatch.setattr(machine, "_status_mb", lambda name: None)
    assert 10 < machine.peak_rss_mb() < 100_000
