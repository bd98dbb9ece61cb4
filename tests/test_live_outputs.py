"""Any live output: the recording beside it, and what is refused before anything is written."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time

import av
import pytest
from live_jobs import COUNT, run
from live_readers import free_port
from stand_ins import numbered_clip, read_numbers, slow_command

from shm_stream.errors import InputError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", COUNT)


def test_recording_beside_a_live_output_survives_a_kill(tmp_path):
    clip = numbered_clip(tmp_path / "long.mp4", 250)
    names = ("rec.mp4", "rec.mkv")
    with contextlib.ExitStack() as running:
        for name in names:
            push = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
            words = [*slow_command(0), str(clip), "--bg", "red", "-o", push, "-o", str(tmp_path / name)]
            process = running.enter_context(subprocess.Popen(words, stderr=subprocess.DEVNULL))
            running.callback(process.send_signal, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not all(enough(tmp_path, name) for name in names):
            time.sleep(0.1)
    for name in names:
        (left,) = tmp_path.glob(f".rec.*.partial{name[3:]}")
        numbers = read_numbers(left)
        assert len(numbers) >= 25 and numbers == list(range(len(numbers)))


def enough(folder, name) -> bool:
    """Whether the unfinished file holds a second already."""
    try:
        return any(len(read_numbers(path)) >= 25 for path in folder.glob(f".rec.*.partial{name[3:]}"))
    except (av.FFmpegError, IndexError):
        return False


@pytest.mark.parametrize(
    ("outputs", "options", "message"),
    [
        (["rtmp://127.0.0.1:1/live/k"], {}, "nothing listens at 127.0.0.1:1"),
        (["rtmp://no.such.host.invalid/live/k"], {}, "name 'no.such.host.invalid' is not known"),
        (["rtmp://127.0.0.1/live"], {}, "nothing listens|stream key"),
        (["rtmp://127.0.0.1"], {}, "names no application and stream key"),
        (["udp://127.0.0.1"], {}, "names no port"),
        (["udp://127.0.0.1:99999"], {}, "is not an address"),
        (["rtmp://me:secret@127.0.0.1"], {}, "^rtmp://127.0.0.1 names no application"),
        (["ftp://host/a"], {}, r"cannot push to ftp://; use one of rtmp://"),
        (["a.mp4", "b.mp4"], {}, "two files for the composite"),
        (["udp://h:1", "udp://h:1"], {}, "asked for twice"),
        (["udp://h:1"], {"bg": "transparent"}, "shows opaque pictures"),
        (["udp://h:1"], {"bg": None}, "needs a background"),
        (["udp://h:1"], {"crf": 20}, "are for files"),
        ([], {"obs": 8555}, "leave out --bg"),
        (["a.mp4"], {"bitrate": 1_000_000}, "--bitrate is for pushes"),
        ([], {"alpha": "udp://h:1"}, "alpha goes to a file or a folder"),
        (["nowhere/a.m3u8"], {}, "does not exist; create it first"),
        ([], {"obs": 70000, "bg": None}, "port 70000 is out of range"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(clip, tmp_path, monkeypatch, outputs, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as raised:
        run(clip, *outputs, **options)
    assert "\n" not in str(raised.value) and list(tmp_path.iterdir()) == [clip]


@pytest.mark.parametrize(("url", "cure"), [("srt://h:1", "apt install ffmpeg, or srt-tools"), ("rtsp://h/x", "ffmpeg")])
def test_missing_program_is_named(clip, monkeypatch, url, cure):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=cure):
        run(clip, url)
