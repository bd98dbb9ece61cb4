"""stdin, screens and cameras as inputs of the command: real pipes, a real X server, real devices that are none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import x_server
from stand_ins import (
    StandInRunner,
    default_signals,
    numbered_clip,
    numbered_frame,
    read_numbers,
    read_pictures,
    slow_command,
    write_clip,
)

from shm_stream import InputError, cli, engine_choice
from shm_stream.live_options import LiveOptions, parse_rate, parse_raw, parse_size
from shm_stream.stream_address import parse_address

pytestmark = pytest.mark.timeout(60)


def command(*arguments, stdin, seconds=0.0):
    """(exit code, stderr) of the command with a stand-in runner."""
    words = [*slow_command(seconds), *map(str, arguments)]
    done = subprocess.run(words, stdin=stdin, capture_output=True, text=True, timeout=50)
    assert done.stdout == ""
    return done.returncode, done.stderr


def piped(path: Path) -> subprocess.Popen:
    return subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE)


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_no_frame_of_a_pipe_is_dropped(tmp_path, suffix):
    clip, out = numbered_clip(tmp_path / f"clip{suffix}", 40), tmp_path / "o.mp4"
    with piped(clip) as pipe:
        code, err = command("-", "--bg", "red", "-o", out, stdin=pipe.stdout, seconds=0.02)
    assert code == 0 and "dropped" not in err, err
    assert read_numbers(out) == list(range(40))


def test_live_drops_frames_of_a_pipe(tmp_path):
    clip, out = numbered_clip(tmp_path / "clip.mkv", 200), tmp_path / "o.mp4"
    with piped(clip) as pipe:
        code, err = command("-", "--live", "--bg", "red", "-o", out, stdin=pipe.stdout, seconds=0.05)
    numbers = read_numbers(out)
    assert code == 0 and numbers[-1] == 199 and numbers == sorted(set(numbers)) and len(numbers) < 100


def test_a_file_may_be_redirected_also_when_it_must_be_seeked(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (12, 144, 256, 3), np.uint8)
    clip = write_clip(tmp_path / "clip.mp4", noise)  # its index is at its end, further than one look ahead
    with open(clip, "rb") as file:
        code, err = command("-", "--bg", "red", "-o", tmp_path / "o.mp4", stdin=file)
    assert code == 0 and len(read_pictures(tmp_path / "o.mp4")) == 12, err
    with piped(clip) as pipe:
        code, err = command("-", "--bg", "red", "-o", tmp_path / "p.mp4", stdin=pipe.stdout)
    assert code == 2 and "an mp4 with its index at the end cannot be piped" in err and err.count("\n") == 1


@pytest.mark.parametrize("pix_fmt", ["bgr24", "rgba", "nv12"])
def test_raw_video(tmp_path, pix_fmt):
    raw, out = tmp_path / "raw", tmp_path / "o.mkv"
    frames = [av.VideoFrame.from_ndarray(numbered_frame(number), "rgb24") for number in range(6)]
    raw.write_bytes(b"".join(frame.to_ndarray(format=pix_fmt).tobytes() for frame in frames))
    with piped(raw) as pipe:
        code, err = command("-", "--raw", f"128x48:{pix_fmt}:12.5", "--bg", "red", "-o", out, stdin=pipe.stdout)
    assert code == 0, err
    assert read_numbers(out) == list(range(6))
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == 12.5


def test_what_is_no_video_on_stdin(tmp_path):
    for text in (b"", b"hello" * 1000):
        (tmp_path / "text").write_bytes(text)
        with piped(tmp_path / "text") as pipe:
            code, err = command("-", "--bg", "red", "-o", tmp_path / "o.mp4", stdin=pipe.stdout)
        assert code == 2 and "stdin carries no video that can be read: bare frames need --raw" in err
        assert err.count("\n") == 1 and not (tmp_path / "o.mp4").exists()


def test_ctrl_c_ends_a_silent_pipe_at_once(tmp_path):
    """The writer has sent a clip and keeps the pipe open: nothing more comes, and nothing ends."""
    clip, out = numbered_clip(tmp_path / "clip.ts", 60), tmp_path / "o.mp4"
    python, flag, script = slow_command(0.0)
    patient = "from shm_stream import pipeline; pipeline.SOURCE_PATIENCE_SECONDS = 1000\n"  # as for a file's thread
    words = [python, flag, patient + script, "-", "--bg", "red", "-o", str(out)]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=default_signals
    )
    with process:
        process.stdin.buffer.write(clip.read_bytes())
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".o.*")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        err = process.stderr.read()
    numbers = read_numbers(out)
    assert process.returncode == 130 and f"the outputs hold the first {len(numbers)} frames" in err
    assert numbers == list(range(len(numbers))) and len(numbers) > 40


CAMERAS = {
    "98": "there is no camera /dev/video98; plug it in, or see what there is with shm-stream --list-cameras",
    "/dev/video98": "there is no camera /dev/video98",
    "/dev/null": "/dev/null is not a camera; see what there is with shm-stream --list-cameras",
}


@pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is Linux's")
@pytest.mark.parametrize("device", CAMERAS)
def test_what_is_no_camera(tmp_path, monkeypatch, capsys, device):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    code, err = cli.main([device, "--bg", "red", "-o", str(tmp_path / "o.mp4")]), capsys.readouterr().err
    assert code == 2 and CAMERAS[device] in err and err.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/console"), reason="needs a device that only root may open")
def test_a_camera_without_permission():
    """/dev/console stands in for it: opened by somebody who may not."""
    script = "from shm_stream.source import open_source\nfrom shm_stream.live_options import LiveOptions\n"
    script += "import os\nif os.getuid() == 0: os.setuid(65534)\n"
    script += "open_source('/dev/console', live=LiveOptions())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    last = done.stderr.splitlines()[-1]
    assert last.endswith("no permission for /dev/console; type  sudo usermod -aG video $USER  and log in again")


@pytest.fixture
def display():
    if shutil.which("Xvfb") is None:
        pytest.skip("needs an X server: apt install xvfb")
    with x_server.display("320x240") as name:
        yield name


def test_the_screen(tmp_path, display):
    out, part = tmp_path / "o.mp4", tmp_path / "p"
    code, err = command(display, "--fps", "20", "--bg", "red", "-t", "1", "-o", out, stdin=subprocess.DEVNULL)
    pictures = read_pictures(out)
    assert code == 0 and 2 <= len(pictures) <= 21 and pictures[0].shape == (240, 320, 3), err
    place = f"{display}+16,8"
    code, err = command(place, "--size", "64x48", "--bg", "red", "--frames", 2, "-o", part, stdin=subprocess.DEVNULL)
    assert code == 0 and len(list(part.iterdir())) == 2, err
    code, err = command(display, "--size", "640x480", "--bg", "red", "-o", out, "-y", stdin=subprocess.DEVNULL)
    assert code == 2 and "lies outside of it; give a smaller --size" in err, err


def test_no_screen(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match="DISPLAY is not set"):
        parse_address("screen", LiveOptions())
    monkeypatch.setenv("DISPLAY", ":7.0")
    assert [parse_address(text, LiveOptions()).url for text in ("screen", "x11grab", ":8", "x11grab::9.0+1,2")] == [
        ":7.0", ":7.0", ":8", ":9.0+1,2",
    ]  # fmt: skip


def test_a_cameras_wishes_reach_the_driver():
    wishes = LiveOptions(size=(1280, 720), rate=parse_rate("29.97"), input_format="YUYV")
    address = parse_address("2", wishes)
    assert (address.url, address.format, address.live) == ("/dev/video2", "v4l2", True)
    assert address.options == {"video_size": "1280x720", "framerate": "2997/100", "input_format": "yuyv422"}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("clip.mp4", {"size": (64, 48)}, "--size is for cameras and screens, but the input is clip.mp4"),
        ("clip.mp4", {"live": True}, "--live is for streams and stdin; --loop plays a file like a camera"),
        ("udp://h:1", {"raw": parse_raw("2x2:rgb24:1")}, "--raw says what stdin carries"),
        ("0", {"listen": True}, "--listen is for network streams"),
        ("udp://h:1", {"listen": True}, "--listen is for rtmp, rtsp, tcp, http"),
        ("screen", {"input_format": "mjpeg"}, "--input-format is for cameras"),
    ],
)
def test_options_that_do_not_belong_to_the_input(monkeypatch, text, options, message):
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(InputError, match=message):
        parse_address(text, LiveOptions(**options))


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse_size, "1280"), (parse_size, "0x2"), (parse_size, "99999x2"), (parse_rate, "0"), (parse_rate, "1/0"),
     (parse_rate, "fast"), (parse_raw, "2x2:rgb24"), (parse_raw, "2x2:no_such:25"), (parse_raw, "2:rgb24:25")],
)  # fmt: skip
def test_sizes_and_rates_that_are_none(parse, text):
    with pytest.raises(InputError, match=r"such as|some that exist"):
        parse(text)


def test_names_of_outputs():
    addresses = {"0": "camera_0", "rtmp://u:p@host/live/my cam.flv?x=1": "my_cam", "udp://1.2.3.4:5": "network"}
    assert {text: parse_address(text, LiveOptions()).stem for text in addresses} == addresses


def test_files_stay_files(tmp_path, monkeypatch):
    for text in ("clip.mp4", "./0", "photos/", "C:\\clip.mp4", str(tmp_path)):
        assert parse_address(text, LiveOptions()) is None


