"""What may happen to a job from outside: finished work stays, nothing half is left, and a line says what happened."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from batch_runs import leftovers, wait_until
from disks import small_disk
from processes import ended, started_processes
from stand_ins import (
    default_signals,
    frame_number,
    numbered_frame,
    read_numbers,
    slow_command,
    write_clip,
)

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(sys.platform != "linux", reason="signals of groups, disks filled by mounting, pseudo terminals"),
]
COUNT = 200
SLOW = 0.02
"""Seconds a frame, so that the clip takes four."""
ERROR = "shm-stream: error: "
FULL = "No space left on device"
VIDEO = ["--bg", "red", "-o", "o.mp4"]
SEQUENCE = ["--bg", "transparent", "-o", "s/s.%04d.png", "--start-number", "1001"]
SEVERAL = [*VIDEO, "--alpha", "a.mkv", "--foreground", "f/f.%04d.png", "--sidecar"]
RECORDING = ["--loop", *VIDEO]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Numbered frames that do not compress well."""
    noise = np.random.default_rng(0).integers(0, 80, (COUNT, 48, 128, 3))
    pictures = (np.abs(numbered_frame(n) - noise[n]).astype(np.uint8) for n in range(COUNT))
    return write_clip(tmp_path_factory.mktemp("source") / "clip.mp4", pictures)


@pytest.fixture
def out(tmp_path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def start(clip, out):
    """Starts the command in `out`, in a group of its own; what still runs at the end of the test is killed."""

    def start(*arguments, source=clip, slow=SLOW, stderr=subprocess.PIPE) -> subprocess.Popen:
        process = subprocess.Popen(
            [*slow_command(slow), str(source), *map(str, arguments)], cwd=out, stderr=stderr, stdin=subprocess.DEVNULL,
            text=True, start_new_session=True, preexec_fn=default_signals,
        )  # fmt: skip
        started.append(process)
        return process

    with started_processes() as started:
        yield start


def finish(process: subprocess.Popen) -> tuple[int, str]:
    """(exit code, last line) once it has ended."""
    code, err = ended(process)
    return code, err.splitlines()[-1] if err else ""


def reach_the_middle(process, out) -> None:
    """Until a file has begun to grow."""
    wait_until(lambda: process.poll() is not None or any(size_of(path) > 200 for path in out.rglob("*")))
    assert process.poll() is None, process.communicate()
    time.sleep(0.5)


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def names(out) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def numbers_of(folder: Path) -> list[int]:
    """What the pictures of a sequence show, in the order of their names; each must be whole."""
    return [frame_number(cv2.imread(str(path))) for path in sorted(folder.glob("*.png"))]


def check_sequence(folder: Path, first: int, count: int) -> None:
    expected = [f"{folder.name}.{first + n:04}.png" for n in range(count)]
    assert sorted(path.name for path in folder.iterdir()) == expected
    assert numbers_of(folder) == list(range(count))


# a full disk


@contextlib.contextmanager
def tiny(out, size: int):
    """`out` is a disk of that many bytes."""
    out.rmdir()
    with small_disk(out, size):
        yield


@pytest.mark.parametrize("arguments", [["--bg", "red", "-o", "o.mkv"], [*VIDEO, "--alpha", "a.mp4"]])
def test_a_video_that_does_not_fit_is_not_kept(start, out, arguments):
    with tiny(out, 150_000):
        code, line = finish(start(*arguments, slow=0))
        assert code == 1
        assert re.fullmatch(rf"{ERROR}cannot write [oa]\.m..: {FULL}; nothing was kept", line)
        assert names(out) == []


def test_pictures_that_fit_are_kept(start, out):
    with tiny(out, 150_000):
        code, line = finish(start(*SEQUENCE, slow=0))
        found = re.fullmatch(
            rf"{ERROR}cannot write s/s\.(\d+)\.png: {FULL}; kept: (\d+) pictures of s/s\.%04d\.png", line
        )
        assert code == 1 and int(found[1]) == 1001 + int(found[2])
        check_sequence(out / "s", 1001, int(found[2]))


def test_no_exr_file_is_torn_by_a_full_disk(start, out):
    pytest.importorskip("OpenEXR")
    from shm_stream.fine_images import read_exr

    with tiny(out, 150_000):
        code, line = finish(start("--for", "nuke", "-o", "s/s.%04d.exr", slow=0))
        assert code == 1 and re.search(r"(No space left on device|is it full\?); kept: \d+ pictures", line)
        pictures = sorted((out / "s").iterdir())
        assert len(pictures) == int(re.search(r"kept: (\d+)", line)[1]) > 1
        assert all(read_exr(path).shape == (48, 128, 3) for path in pictures)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_a_recording_is_kept_as_far_as_it_came(start, out, name):
    with tiny(out, 400_000):
        code, line = finish(start("--loop", "--bg", "red", "-o", name, "--crf", "5", slow=0))
        assert (code, line) == (1, f"{ERROR}cannot write {name}: {FULL}; kept: {name} as far as it came")
        numbers = numbers_until_the_tear(out / name)
        assert len(numbers) >= 20 and names(out) == [name]
        assert all(0 < (b - a) % COUNT < COUNT // 2 for a, b in zip(numbers, numbers[1:]))  # some may be dropped


def numbers_until_the_tear(path: Path) -> list[int]:
    """The last picture of a file that was cut off may be torn."""
    numbers = []
    with av.open(str(path)) as container, contextlib.suppress(av.InvalidDataError):
        for frame in container.decode(video=0):
            numbers.append(frame_number(frame.to_ndarray(format="rgb24")))
    return numbers


def test_what_else_is_kept_is_said(start, out):
    with tiny(out, 200_000):
        code, line = finish(start(*VIDEO, "--alpha", "a/a.%04d.png", "--crf", "5", slow=0))
        found = re.fullmatch(rf"{ERROR}cannot write .*; kept: (\d+) pictures of a/a\.%04d\.png", line)
        assert code == 1 and len([*(out / "a").iterdir()]) == int(found[1]) > 0 and names(out) == ["a"]


# a folder that goes away


@pytest.mark.parametrize("arguments", [VIDEO, SEVERAL, RECORDING])
def test_a_removed_folder_ends_the_job_at_once(start, out, arguments):
    process = start(*arguments, slow=0.05)
    reach_the_middle(process, out)
    shutil.rmtree(out)
    code, line = finish(process)  # a repeated clip would never end by itself
    assert code == 1 and line.startswith(f"{ERROR}cannot write ") and line.endswith("nothing was kept")
    assert not out.exists()


def test_a_removed_sequence_does_not_come_back_without_its_beginning(start, out):
    process = start(*SEQUENCE)
    reach_the_middle(process, out)
    os.rename(out / "s", out / "moved")
    code, line = finish(process)
    assert code == 1 and re.fullmatch(rf"{ERROR}cannot write s/s.\d+.png: No such file or directory; .*", line)
    assert names(out) == ["moved"] and numbers_of(out / "moved") == list(range(len([*(out / "moved").iterdir()])))


# Ctrl-C and its like


@pytest.mark.parametrize(
    ("arguments", "number"), [(SEVERAL, signal.SIGINT), (SEVERAL, signal.SIGTERM), (RECORDING, signal.SIGHUP)]
)
def test_one_interrupt_finishes_all_outputs(start, out, arguments, number):
    process = start(*arguments)
    reach_the_middle(process, out)
    os.killpg(process.pid, number)
    code, line = finish(process)
    numbers = read_numbers(out / "o.mp4")
    assert (code, line) == (130, f"{ERROR}interrupted; the outputs hold the first {len(numbers)} frames")
    assert leftovers(out) == [] and numbers == sorted(numbers)
    if arguments is SEVERAL:
        assert names(out) == ["a.mkv", "a.mkv.json", "f", "o.mp4", "o.mp4.json"]
        assert len(read_numbers(out / "a.mkv")) == len(numbers) == len([*(out / "f").glob("*.png")])


@pytest.mark.parametrize("times", [2, 8])
def test_impatience_says_what_is_kept(start, out, times):
    process = start(*SEVERAL)
    reach_the_middle(process, out)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.03)
    code, line = finish(process)
    found = re.fullmatch(rf"{ERROR}interrupted; kept: (\d+) pictures of f/f\.%04d\.png", line)
    assert code == 130 and names(out) == ["f"]
    check_sequence(out / "f", 0, int(found[1]))


def test_a_recording_survives_impatience(start, out):
    process = start(*RECORDING)
    reach_the_middle(process, out)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
    code, line = finish(process)
    kept = "kept: o.mp4( as far as it came)?"  # the second Ctrl-C may come when the file is finished already
    assert code == 130 and re.search(f"interrupted; ({kept}|the outputs hold the first)", line)
    assert len(read_numbers(out / "o.mp4")) > 3 and names(out) == ["o.mp4"]


def test_of_an_earlier_sequence_that_was_not_replaced_wholly_is_told(start, out):
    (out / "s").mkdir()
    for number in range(1001, 1001 + COUNT):
        cv2.imwrite(str(out / "s" / f"s.{number}.png"), numbered_frame(0))
    process = start(*SEQUENCE, "-y")
    wait_until(lambda: frame_number(cv2.imread(str(out / "s" / "s.1004.png"))) == 3)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
    code, line = finish(process)
    found = re.search(r"kept: (\d+) pictures of s/s.%04d.png \(those after number (\d+) are of an earlier run\)", line)
    kept = int(found[1])
    assert code == 130 and int(found[2]) == 1000 + kept
    assert numbers_of(out / "s") == [*range(kept), *[0] * (COUNT - kept)]


def test_a_closed_terminal_is_like_ctrl_c(start, out):
    """The hang-up comes, and nothing can be printed any more."""
    ours, theirs = os.openpty()
    process = start(*VIDEO, stderr=theirs)
    os.close(theirs)
    reach_the_middle(process, out)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 130
    numbers = read_numbers(out / "o.mp4")
    assert 0 < len(numbers) < COUNT and numbers == list(range(len(numbers)))


def test_a_job_goes_on_when_nobody_reads_what_it_says(start, out):
    reading, writing = os.pipe()
    process = start(*VIDEO, "-v", slow=0.03, stderr=writing)
    os.close(writing)
    reach_the_middle(process, out)
    os.close(reading)
    assert process.wait(60) == 0 and read_numbers(out / "o.mp4") == list(range(COUNT))


def test_what_a_killed_run_left_is_told_by_the_next(start, out):
    process = start(*VIDEO)
    reach_the_middle(process, out)
    process.kill()
    process.wait(10)
    (left,) = leftovers(out)
    _, err = (again := start(*VIDEO, "--frames", "3", slow=0)).communicate(timeout=60)
    expected = f"warning: a run that was killed, or one that still runs, has left unfinished: {left.name}"
    assert again.returncode == 0 and err.splitlines()[0] == expected
    assert names(out) == [left.name, "o.mp4"] and read_numbers(out / "o.mp4") == [0, 1, 2]
