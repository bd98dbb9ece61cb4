"""Every command that the documents show is one that its program takes. tests/test_readme.py runs README's own."""

import importlib
import re
import runpy
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from shm_stream import cli_batch, cli_bench, cli_eval, cli_options

pytestmark = pytest.mark.timeout(300)  # pymatting compiles when it is imported

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (".", "benchmarks", "docs", "training", "weights")
DOCUMENTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))
SUB_COMMANDS = {"batch": cli_batch, "bench": cli_bench, "eval": cli_eval}
BEGINS = ("shm-stream", "python -m training.", "python benchmarks/")
NAMES = ("shm-stream", "shm-stream batch")
"""Of programs, without the options that they need."""


def shown(document: Path) -> list[str]:
    """Lines of shell blocks, and what stands between backquotes; what torchrun starts as if Python did."""
    text = re.sub(r"torchrun .* -m ", "python -m ", document.read_text(encoding="utf-8"))
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"(\\|(?<=\|))\s*\n", " ", block).splitlines()]
    return lines + re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def commands(document: Path) -> list[list[str]]:
    found = []
    for text in shown(document):
        words = shlex.split(text.replace("|", " | "), comments=True) if any(map(text.count, BEGINS)) else []
        while words:
            end = words.index("|") if "|" in words else len(words)
            command, words = words[:end], words[end + 1 :]
            line = " ".join(command)
            if line.startswith(BEGINS) and line not in NAMES and "..." not in command:
                found.append(command)
    return found


def parse_product(words: list[str]) -> None:
    if words[0] == "doctor":
        assert words == ["doctor"]
    elif words[0] in SUB_COMMANDS:
        SUB_COMMANDS[words[0]].make_parser().parse_args(words[1:])
    else:
        cli_options.job_options(cli_options.make_parser().parse_args(words), print)


@pytest.fixture
def parse(monkeypatch):
    """Parse the options of a command, and do nothing."""

    def call(words: list[str]) -> None:
        if words[0] == "shm-stream":
            return parse_product(words[1:])
        monkeypatch.setattr(sys, "argv", words[1:])
        if words[1] == "-m":
            parse_training(monkeypatch, words[2])
        else:
            parse_benchmark(monkeypatch, words[1])

    return call


def skip_without(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"needs {package}")


def parse_training(monkeypatch, module: str) -> None:
    skip_without("torch", "pymatting", "onnx", "matplotlib")
    from training import options

    script = importlib.import_module(f"{module}.__main__" if module == "training.experiments" else module)
    monkeypatch.setattr(sys, "argv", sys.argv[1:])
    monkeypatch.setattr(options, "_begin", lambda work, o: None)
    if module == "training.train_all":
        monkeypatch.setattr(script, "train", lambda stages: None)
    script.main()


def parse_benchmark(monkeypatch, script: str) -> None:
    skip_without("aiohttp", "matplotlib")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import running

    monkeypatch.setattr(running, "run", lambda work, parser: parser.parse_args())
    runpy.run_path(str(ROOT / script), run_name="__main__")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_taken(document, parse):
    for words in commands(document):
        try:
            parse(words)
        except SystemExit as ended:
            assert ended.code == 0, shlex.join(words)


def test_commands_are_found():
    found = [words for document in DOCUMENTS for words in commands(document)]
    assert len(found) > 120
    assert ["python", "-m", "training.sweep_width", "--data", "DATA", "--out", "FOLDER", "--steps", "600"] in found
    assert any(words[:4] == ["shm-stream", "-", "--bg", "transparent"] for words in found), "the end of a pipe"
