"""Keys in the terminal: what each does, and that the terminal is as before afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Generator

import numpy as np
import pytest
from panel_jobs import running_job, solid
from stand_ins import numbered_clip, read_pictures, slow_command

from shm_stream.keys import Keys

pty = pytest.importorskip("pty", reason="terminals are for Unix")
import termios  # noqa: E402

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def terminal():
    """(the person's end, the program's end) of a terminal."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_each_key_does_what_the_help_says(tmp_path, terminal):
    person, program = terminal
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    for name, colour in (("a.png", (0, 0, 255)), ("b.png", (0, 255, 0))):
        solid(folder / name, colour)
    before = termios.tcgetattr(program)
    with running_job(tmp_path, folder=folder) as (desk, start):
        start()
        said = []
        keys = Keys(desk, said.append, desk.figures.line, program)
        ids = [choice.id for choice in desk.library.choices()]

        def press(key, wanted):
            os.write(person, key.encode())
            end = time.monotonic() + 10
            while not wanted():
                assert time.monotonic() < end, key
                time.sleep(0.01)

        def controls():
            return desk.job.controls.setting.controls

        press("]", lambda: desk.background == ids[0])
        press("]]", lambda: desk.background == ids[0])  # around the end
        press("[", lambda: desk.background == ids[1])
        press("s", lambda: desk.background == "off")
        press("s", lambda: desk.background == ids[1])
        press("h", lambda: controls().mirror)
        press("z", lambda: controls().hold == "freeze")
        press("r", lambda: controls().hold == "slate")
        press("r", lambda: controls().hold == "none")
        press("f", lambda: said and re.fullmatch(r"[\d.]+ fps, (\d+ ms, )?\d+ frames", said[-1]))
        press("x?", lambda: "previous and next background" in said[-1])
        press("q", lambda: desk.job._stopping.is_set())
        keys.close()
    assert termios.tcgetattr(program) == before
    assert not [thread for thread in threading.enumerate() if thread.name == "shm-keys"]


def test_what_cannot_be_done_is_said(tmp_path, terminal):
    _, program = terminal
    with running_job(tmp_path) as (desk, start):
        start()
        said = []
        keys = Keys(desk, said.append, desk.figures.line, program)
        keys.press("]")
        keys.close()
    assert said == ["there is nothing to choose from: give --backgrounds DIR"]


def in_terminal(words, person: Generator[bytes, str, None]):
    """Run a command in a terminal of its own; (exit code, output). `person` is sent what is printed, and types."""
    pid, end = pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    output = next(person).decode()
    while True:
        try:
            part = os.read(end, 4096).decode(errors="replace")
        except OSError:  # Linux says so when the program has ended
            break
        if not part:
            break
        output += part
        with contextlib.suppress(StopIteration):
            os.write(end, person.send(part))
    os.close(end)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output


def typed(keys: bytes, pattern: str) -> Generator[bytes, str, re.Match]:
    """Types and waits until that was printed."""
    said = yield keys
    while not (found := re.search(pattern, said)):
        said += yield b""
    return found


def asks_for_help_and_ends_it() -> Generator[bytes, str, None]:
    """But not before there are frames."""
    yield from typed(b"", "keys: s background")
    yield from typed(b"?", "previous and next background")
    frames = 0
    while frames < 3:
        frames = int((yield from typed(b"f", r"fps, .*?(\d+) frames"))[1])
    yield b"q"


def test_a_watched_job_in_a_terminal(tmp_path):
    clip, out = numbered_clip(tmp_path / "clip.mp4", 20), tmp_path / "o.mp4"
    words = [*slow_command(0.01), str(clip), "--loop", "--bg", "red", "-o", str(out)]
    code, output = in_terminal(words, asks_for_help_and_ends_it())
    assert code == 0, output
    assert "previous and next background" in output and "frames in" in output
    assert len(read_pictures(out)) > 2


def types_what_nobody_reads() -> Generator[bytes, str, None]:
    yield from typed(b"", "device cpu")
    yield b"qs"


def test_keys_typed_during_other_jobs_are_for_the_next_command(tmp_path):
    clip, out = numbered_clip(tmp_path / "clip.mp4", 30), tmp_path / "o.mp4"
    words = [*slow_command(0.05), str(clip), "--bg", "red", "-o", str(out), "-v"]
    code, output = in_terminal(words, types_what_nobody_reads())
    assert code == 0 and "keys:" not in output, output
    assert len(read_pictures(out)) == 30


def test_without_a_terminal_there_are_no_keys(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    words = [*slow_command(0.0), str(clip), "--loop", "--bg", "red", "-o", str(tmp_path / "o.mp4"), "--frames", "5"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)
    assert done.returncode == 0 and "keys:" not in done.stderr
    assert np.stack(read_pictures(tmp_path / "o.mp4")).shape[0] == 5
