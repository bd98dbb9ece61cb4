"""Sources that are cut off, damaged, incomplete or locked: what can be read is worked on, and a line says the rest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import video_times
from stand_ins import (
    StandInRunner,
    frame_number,
    numbered_clip,
    numbered_frame,
    read_numbers,
    slow_command,
    write_clip,
)  # fmt: skip

from shm_stream import cli, engine_choice

pytestmark = pytest.mark.timeout(60)
ERROR = "shm-stream: error: "


@pytest.fixture
def run(monkeypatch, capfd):
    """Run the command in this process without weights; (exit code, lines on stderr)."""

    def run(*arguments):
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
        code = cli.main([str(argument) for argument in arguments])
        err = capfd.readouterr().err
        assert "Traceback" not in err and "internal error" not in err
        return code, err.splitlines()

    return run


def cut(path: Path, share: float = 0.6) -> Path:
    """Only the beginning is left of the file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("in.mkv", 1, "input ended early: {n} of about 120 frames could be decoded; the output covers what there is"),
        ("in.avi", 1, "input ended early: {n} of about 1?[0-9]{{2}} frames could be decoded; .*"),
        ("faststart.mp4", 1, "input ended early: {n} of about 120 frames could be decoded; .*"),
        ("in.mp4", 2, "cannot read .*in.mp4: it is not a video or is incomplete"),
        ("in.mov", 2, "cannot read .*in.mov: it is not a video or is incomplete"),
    ],
)
@pytest.mark.parametrize("target", ["o.mp4", "s/s.%04d.png"])
def test_videos_that_are_cut_off(run, tmp_path, name, code, said, target):
    source = write_video(tmp_path / name)
    found, err = run(cut(source), "--bg", "red", "-o", tmp_path / target)
    assert found == code and len(err) == (2 if code == 1 else 1)
    numbers = numbers_in(tmp_path / target)
    assert re.fullmatch(ERROR + said.format(n=len(numbers)), err[-1])
    assert (len(numbers) > 30) == (code == 1) and numbers[:30] == list(range(min(30, len(numbers))))


def write_video(path: Path) -> Path:
    """120 numbered frames; with the index first if the name says so."""
    if path.name != "faststart.mp4":
        return numbered_clip(path, 120, codec="mpeg4")
    plain = numbered_clip(path.with_name("plain.mp4"), 120)
    options = {"movflags": "+faststart"}
    with av.open(str(plain)) as whole, av.open(str(path), "w", container_options=options) as copy:
        stream = copy.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux():
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return path


def numbers_in(target: Path) -> list[int]:
    if "%" not in target.name:
        return read_numbers(target) if target.exists() else []
    return [frame_number(cv2.imread(str(path))) for path in sorted(target.parent.glob("*.png"))]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".exr"])
def test_photos_that_are_cut_off(run, tmp_path, suffix):
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    write_picture(tmp_path / f"in{suffix}", picture)
    code, err = run(cut(tmp_path / f"in{suffix}"), "--bg", "red", "-o", tmp_path / "o.png")
    assert code == 2 and err[-1].startswith(f"{ERROR}cannot read {tmp_path}/in{suffix} as ")
    assert "damaged" in err[-1] and [path.name for path in tmp_path.iterdir()] == [f"in{suffix}"]


def write_picture(path: Path, picture: np.ndarray) -> None:
    if path.suffix != ".exr":
        cv2.imwrite(str(path), picture)
        return
    package = pytest.importorskip("OpenEXR")
    header = {"type": package.scanlineimage, "compression": package.ZIP_COMPRESSION}
    package.File(header, {"RGB": picture.astype(np.float16)}).write(str(path))


@pytest.fixture
def folder(tmp_path):
    """f.0001.png to f.0008.png, which show 1 to 8."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(1, 9):
        cv2.imwrite(str(folder / f"f.{number:04}.png"), numbered_frame(number))
    return folder


@pytest.mark.parametrize("broken", [1, 4, 8])
def test_a_picture_that_cannot_be_read_keeps_its_place(run, folder, tmp_path, broken):
    """A shift by one, from there on, of numbers that artists rely on is worse than a hole."""
    cut(folder / f"f.{broken:04}.png", 0.3)
    rest = [number for number in range(1, 9) if number != broken]
    out = tmp_path / "s"
    code, err = run(folder, "--bg", "red", "-o", out / "s.%04d.png", "--start-number", 1, "--alpha", tmp_path / "a.mkv")
    assert code == 1
    assert err[-1] == f"{ERROR}1 of 8 images could not be read and were left out: f.{broken:04}.png"
    assert sorted(path.name for path in out.iterdir()) == [f"s.{number:04}.png" for number in rest]
    assert numbers_in(out / "s.%04d.png") == rest
    times = [round(seconds * 25) for seconds in video_times(tmp_path / "a.mkv")]
    assert times == [number - rest[0] for number in rest]


def test_missing_numbers_are_told(run, folder, tmp_path):
    for number in (4, 5, 7):
        (folder / f"f.{number:04}.png").unlink()
    code, err = run(folder, "--bg", "red", "-o", tmp_path / "o.mkv")
    warning = f"3 numbers missing in {folder}, the first between f.0003.png and f.0006.png; the rest moves up"
    assert code == 0 and err[0] == f"warning: {warning}" and read_numbers(tmp_path / "o.mkv") == [1, 2, 3, 6, 8]


def test_names_without_order_lack_nothing(run, folder, tmp_path):
    (folder / "f.0004.png").rename(folder / "photo of 2024.png")
    code, err = run(folder, "--bg", "red", "-o", tmp_path / "out")
    assert code == 0 and len(err) == 1


def test_pictures_that_vanish_meanwhile_are_told(run, folder, tmp_path, monkeypatch):
    class Thief(StandInRunner):
        def mnet(self, x):
            (folder / "f.0008.png").unlink(missing_ok=True)
            return super().mnet(x)

    runner = Thief()
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner)
    code = cli.main([str(folder), "--bg", "red", "-o", str(tmp_path / "o.mkv")])
    assert code == 1 and read_numbers(tmp_path / "o.mkv") == list(range(1, 8))


@pytest.fixture
def shared():
    """A folder that everybody may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.skipif(
    shutil.which("setpriv") is None or os.geteuid() != 0, reason="becomes another user by setpriv, which root may"
)
@pytest.mark.parametrize("locked", ["source", "output"])
def test_what_may_not_be_read_or_written_is_said_before_anything_is_made(shared, locked):
    clip, out = write_clip(shared / "clip.mp4", [numbered_frame(0)] * 3), shared / "out"
    out.mkdir()
    out.chmod(0o777 if locked == "source" else 0o755)
    clip.chmod(0o600 if locked == "source" else 0o644)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*nobody, sys.executable, "-c", "import shm_stream.cli"], capture_output=True).returncode:
        pytest.skip("others may not run this Python or read this checkout")
    command = [*nobody, *slow_command(0), str(clip), "--bg", "red", "-o", str(out / "o.mp4")]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=50)
    said = f"cannot read {clip}: " if locked == "source" else f"the output folder {out} is not writable ("
    assert done.returncode == 2 and done.stderr.startswith(f"{ERROR}{said}Permission denied")
    assert list(out.iterdir()) == []
