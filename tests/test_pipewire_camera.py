"""The PipeWire camera in a PipeWire session that the test starts, read by another process."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pipewire_session import camera_node, read_yuy2, session, until, what_is_missing
from stand_ins import numbered_clip, slow_command

from shm_stream import pipewire_camera
from shm_stream.camera_pictures import PackedPlanes
from shm_stream.colour import BT709, ColourTags
from shm_stream.errors import InputError
from shm_stream.pipewire_camera import ALIGN, PipeWireCamera
from shm_stream.planes import planes_from_rgb

MISSING = what_is_missing() if sys.platform == "linux" else "PipeWire is Linux's"
needs_pipewire = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
WIDTH, HEIGHT = 1276, 720  # from this height on GStreamer takes BT.709 where nothing else is said
"""Rows of chroma are no multiple of four bytes."""
LEFT, RIGHT = (200, 50, 255), (10, 200, 60)


@pytest.fixture(scope="module")
def pipewire():
    with tempfile.TemporaryDirectory(prefix="pw") as folder, session(Path(folder)) as environment:
        yield environment


@pytest.fixture
def inside(pipewire, monkeypatch):
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, pipewire[name])
    return pipewire


@pytest.fixture(params=["RGB", "planes"])
def shown(inside, request):
    """A camera that shows two colours until the test ends, from RGB or from planes of BT.709."""
    content = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    content[:, : WIDTH // 2], content[:, WIDTH // 2 :] = LEFT, RIGHT
    planar = request.param == "planes"
    if planar:
        content = PackedPlanes(WIDTH, HEIGHT, ALIGN).hold(planes_from_rgb(content, ColourTags(BT709)))
    camera, ended = PipeWireCamera(WIDTH, HEIGHT, Fraction(10), planar=planar), threading.Event()

    def show():
        while not ended.wait(0.1):
            camera.send(content)

    thread = threading.Thread(target=show)
    thread.start()
    yield camera
    ended.set()
    thread.join()
    camera.close()
    assert camera._process.returncode is not None
    until(lambda: camera_node(inside) is None)


def rgb601(y: int, cb: int, cr: int) -> np.ndarray:
    """ITU-R BT.601, limited range: what programs make of a camera's YUY2."""
    luma, blue, red = 1.164 * (y - 16), cb - 128, cr - 128
    return np.array([luma + 1.596 * red, luma - 0.392 * blue - 0.813 * red, luma + 2.017 * blue])


def colours(frame: bytes) -> list[np.ndarray]:
    rows = np.frombuffer(frame, np.uint8).reshape(HEIGHT, WIDTH // 2, 4)
    return [rgb601(*rows[HEIGHT // 2, column, [0, 1, 3]].astype(int)) for column in (WIDTH // 8, WIDTH * 3 // 8)]


@needs_pipewire
def test_another_process_sees_the_colours_that_were_sent(shown, inside, tmp_path):
    node = until(lambda: camera_node(inside))
    frame = read_yuy2(inside, node, tmp_path / "frames", 8)
    assert np.abs(np.array(colours(frame)) - (LEFT, RIGHT)).max() <= 6


@needs_pipewire
def test_a_publisher_that_dies_is_started_again(shown, inside, tmp_path):
    until(lambda: camera_node(inside))
    os.kill(shown._process.pid, signal.SIGSEGV)
    until(lambda: shown.restarts == 1)
    node = until(lambda: camera_node(inside))
    assert np.abs(np.array(colours(read_yuy2(inside, node, tmp_path / "frames", 8))) - (LEFT, RIGHT)).max() <= 6


@needs_pipewire
def test_the_command_publishes_and_leaves_nothing(inside, tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 10)
    words = [*slow_command(0), str(clip), "--loop", "--bg", "red", "--vcam", "pipewire"]
    command = subprocess.Popen(words, env=inside, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: camera_node(inside))
        command.send_signal(signal.SIGKILL)
        until(lambda: camera_node(inside) is None)
    finally:
        command.kill()
        command.communicate(timeout=30)


@needs_pipewire
def test_no_daemon_is_said_with_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(InputError, match="PipeWire does not answer: systemctl --user start pipewire"):
        PipeWireCamera(64, 48, Fraction(25))


def test_no_system_python_is_said(monkeypatch):
    monkeypatch.setattr(pipewire_camera, "SYSTEM_PYTHON", "/no/python3")
    with pytest.raises(InputError, match="/no/python3 cannot be started .*: sudo apt install"):
        PipeWireCamera(64, 48, Fraction(25))


def test_missing_bindings_are_said_with_the_command(monkeypatch):
    """A virtual environment's Python has no gi."""
    monkeypatch.setattr(pipewire_camera, "SYSTEM_PYTHON", sys.executable)
    with pytest.raises(InputError, match="bindings are not installed: sudo apt install python3-gi"):
        PipeWireCamera(64, 48, Fraction(25))


@needs_pipewire
def test_a_publisher_that_keeps_dying_ends_the_job(inside, monkeypatch):
    monkeypatch.setattr(PipeWireCamera, "_write", lambda *_: False)
    camera = PipeWireCamera(64, 48, Fraction(25))
    with pytest.raises(RuntimeError, match="died 3 times in a row"):
        camera.send(np.zeros((48, 64, 3), np.uint8))
    camera.close()
    assert camera._process.returncode is not None
