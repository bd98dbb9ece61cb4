"""What `make` runs before a commit and before a release."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SLOW = "tests/test_loopback_machine.py"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make: sudo apt install make")


def make(*words: str) -> subprocess.CompletedProcess:
    """One that knows nothing of another that may run these tests."""
    inherited = ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "PYTHON", "TESTS")
    own = {name: value for name, value in os.environ.items() if name not in inherited}
    return subprocess.run(["make", *words], cwd=ROOT, env=own, capture_output=True, text=True, timeout=100)


def test_only_test_all_runs_what_is_slow():
    select = [f"PYTHON={sys.executable}", f"TESTS=--collect-only {SLOW}"]
    usual, everything = make("test", *select), make("test-all", *select)
    assert usual.returncode != 0 and "no tests collected" in usual.stdout, usual.stderr
    assert everything.returncode == 0 and f"{SLOW}::" in everything.stdout, everything.stderr
    assert "soak_live" not in everything.stdout, "a selection is not followed by the soak"
    assert f"{sys.executable} benchmarks/soak_live.py\n" in make("-n", "test-all", select[0]).stdout


def test_a_missing_environment_is_said():
    done = make("test", "PYTHON=/nowhere/python")
    assert done.returncode == 2 and "no /nowhere/python: set it up as README.md says" in done.stderr
