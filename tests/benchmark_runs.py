"""The scripts in benchmarks/, run in a process of their own or in this one, and a clip for them."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "benchmarks"


def run(script: str, *arguments, timeout: float = 100) -> tuple[int, list[str], str]:
    """Exit code, lines on stdout, stderr."""
    words = [sys.executable, str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout.splitlines(), done.stderr


def runner_here(monkeypatch, capsys):
    """`run` in this process, for what does next to nothing."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def call(script: str, *arguments) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")
        said = capsys.readouterr()
        return ended.value.code, said.out.splitlines(), said.err

    return call


def the_error(ended: tuple[int, list[str], str], code: int) -> str:
    assert ended[:2] == (code, []) and ended[2].count("\n") == 1, ended
    return ended[2]
