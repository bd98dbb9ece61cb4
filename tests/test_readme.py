"""What the README shows is run: the example, every command of "Use it", and the Python block."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from shm_stream.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples"


def block_after(text: str, language: str) -> str:
    """The first fenced block of `language` after `text`."""
    found = re.search(rf"```{language}\n(.*?)```", README[README.index(text) :], re.DOTALL)
    return found.group(1)


def commands() -> list[list[str]]:
    """Those that matte; `eval` and `bench` have tests of their own."""
    return [line for line in all_commands() if line[0] not in ("eval", "bench")]


def all_commands() -> list[list[str]]:
    return [shlex.split(line, comments=True)[1:] for line in block_after("## Use it", "sh").splitlines()]


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """The files that the README's commands name."""
    folder = tmp_path_factory.mktemp("material")
    with av.open(str(EXAMPLES / "webcam.mkv")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame, _ in zip(clip.decode(video=0), range(4))]
    write_clip(folder / "talk.mp4", frames)
    write_clip(folder / "waves.mp4", [np.roll(frame, 9, 1) for frame in frames])
    bgr = cv2.cvtColor(frames[0], cv2.COLOR_RGB2BGR)
    for name in ("photos", "labelled"):
        (folder / name).mkdir()
    for path in ("portrait.jpg", "photos/a.jpg", "photos/b.png", "labelled/a.jpg"):
        cv2.imwrite(str(folder / path), bgr)
    cv2.imwrite(str(folder / "labelled/a.mask.png"), np.tri(*bgr.shape[:2], dtype=np.uint8) * 255)
    (folder / "beach.jpg").write_bytes((EXAMPLES / "beach.jpg").read_bytes())
    return folder


@pytest.fixture
def here(material, tmp_path, monkeypatch):
    """A folder of its own with those files."""
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    """One frame every 30 seconds, so that seeking to 1:30 finds one."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.height, stream.width = frames[0].shape[:2]
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = 30 * index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("arguments", commands(), ids=lambda a: " ".join(a))
def test_command_works(here, arguments, capsys):
    before = set(here.rglob("*"))
    if "--max-memory" in arguments:  # counts what the process has, and this one has run many tests
        subprocess.run([sys.executable, "-m", "shm_stream", *arguments], check=True, timeout=100)
    else:
        assert main(arguments) == 0, capsys.readouterr().err
    made = [path for path in set(here.rglob("*")) - before if path.is_file()]
    assert made
    named = [text for flag, text in zip(arguments, arguments[1:]) if flag in ("-o", "--alpha", "--foreground")]
    usual = "talk_resolve.mov" if "--for" in arguments else "talk_composite.mp4"
    for name in named or [usual]:
        path = here / (str(Path(name).parent) if "%" in name else name)
        files = list(path.iterdir()) if path.is_dir() else [path]
        assert files and all(file.stat().st_size > 0 for file in files), name


@pytest.mark.parametrize("arguments", [c for c in all_commands() if c[0] == "eval"], ids=lambda a: " ".join(a))
def test_eval_command_works(here, arguments, capsys):
    assert main(arguments) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    if "--html" in arguments:
        assert "mIoU" in printed and "<html" in (here / "report.html").read_text(encoding="utf-8")
    else:
        assert "with prior" in printed and printed.splitlines()[-1].split()[-2] == "4"  # frames


@pytest.mark.parametrize("arguments", [c for c in all_commands() if c[0] == "bench"], ids=lambda a: " ".join(a))
def test_bench_command_works(here, arguments, capsys):
    assert main(arguments) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert f"clip      {arguments[1]}" in printed and "end to end" in printed


def test_example_command(tmp_path, capsys):
    """The example's own options: 89 frames in, 89 out, a beach where the wall was and the person where she was."""
    line = block_after("<!-- example -->", "sh").splitlines()[-1]
    arguments = shlex.split(line)[1:]
    arguments = [str(ROOT / a) if a.startswith("examples/") else a for a in arguments]
    arguments[arguments.index("-o") + 1] = str(tmp_path / "beach.mp4")
    assert main(arguments) == 0, capsys.readouterr().err
    assert count_frames(tmp_path / "beach.mp4") == count_frames(EXAMPLES / "webcam.mkv") == 89
    with av.open(str(EXAMPLES / "webcam.mkv")) as a, av.open(str(tmp_path / "beach.mp4")) as b:
        pairs = zip(a.decode(video=0), b.decode(video=0))
        before, after = (f.to_ndarray(format="rgb24").astype(int) for f in next(pairs))
    change = np.abs(before - after).mean(2)
    assert change[300:400, 260:380].mean() < 6, "the jumper is kept"
    assert change[:100, 450:].mean() > 40, "the wall is gone"


def test_python_block(here):
    """The block as printed, with frames to iterate over."""
    picture = cv2.cvtColor(cv2.imread("portrait.jpg"), cv2.COLOR_BGR2RGB)
    names = {"frames": [picture, picture]}
    exec(compile(block_after("From Python:", "python"), "README.md", "exec"), names)
    assert names["alpha"].shape == picture.shape[:2] and names["alpha"].dtype == np.float32
    assert 0 <= names["alpha"].min() and names["alpha"].max() <= 1
    assert names["report"].frames == 4 and count_frames(Path("out.mp4")) == count_frames(Path("matte.mp4")) == 4
