"""What is told of cameras. The kernel's answers are made up: a real /dev/video* needs hardware or a kernel module."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys

import pytest

from shm_stream import cameras, cli

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is Linux's")
MJPG, YUYV = (struct.unpack("I", name)[0] for name in (b"MJPG", b"YUYV"))
SIZES = {MJPG: [(1280, 720), (640, 480)], YUYV: [(640, 480)]}
INTERVALS = {(1280, 720): [(1, 30), (1, 15)], (640, 480): [(1001, 30000)]}


def answer(capabilities: int, driver: bytes = b"uvcvideo"):
    """An ioctl that speaks like a webcam's driver, laid out as in linux/videodev2.h."""

    def entry(items, index):
        if index >= len(items):
            raise OSError(errno.EINVAL, "Invalid argument")
        return items[index]

    def ioctl(handle, number, data):
        assert len(data) == (number >> 16) & 0x3FFF  # the size the kernel copies
        index = struct.unpack_from("I", data)[0]
        if number == cameras.QUERYCAP:
            return struct.pack("16s32s32sIII12x", driver, b"HD Webcam", b"usb-1", 6 << 16, 0x84A00001, capabilities)
        if number == cameras.ENUM_FMT:
            code = entry([MJPG, YUYV], index)
            return struct.pack("III32sI16x", index, 1, 0, b"Motion-JPEG", code)
        code = struct.unpack_from("I", data, 4)[0]
        if number == cameras.ENUM_FRAMESIZES:
            return struct.pack("IIIII24x", index, code, cameras.DISCRETE, *entry(SIZES[code], index))
        size = struct.unpack_from("2I", data, 8)
        return struct.pack("7I24x", index, code, *size, cameras.DISCRETE, *entry(INTERVALS[size], index))

    return ioctl


@pytest.fixture
def devices(tmp_path):
    for name in ("video0", "video10", "video2", "videofoo"):
        (tmp_path / name).touch()
    return tmp_path


def test_formats_sizes_and_rates_by_number(devices, monkeypatch):
    monkeypatch.setattr(cameras, "_ioctl", answer(cameras.CAPTURE))
    assert cameras.describe_cameras(devices).splitlines()[:3] == [
        f"{devices}/video0  HD Webcam",
        "  mjpeg    1280x720 30 fps, 640x480 29.97 fps",
        "  yuyv     640x480 29.97 fps",
    ]
    assert [camera.device.name for camera in cameras.list_cameras(devices)] == ["video0", "video2", "video10"]


def test_devices_without_pictures_are_left_out(devices, monkeypatch):
    monkeypatch.setattr(cameras, "_ioctl", answer(0x00800000))  # a webcam's second device carries metadata only
    assert cameras.describe_cameras(devices) == cameras.NONE


def test_a_loopback_device_is_known(devices, monkeypatch):
    monkeypatch.setattr(cameras, "_ioctl", answer(cameras.OUTPUT, b"v4l2 loopback"))
    camera = cameras.list_cameras(devices)[0]
    assert camera.loopback and camera.takes_frames and not camera.captures and not camera.formats
    assert "virtual" in cameras.describe_cameras(devices)


def test_plain_files_do_not_answer(devices):
    assert "does not answer like a camera" in cameras.describe_cameras(devices).splitlines()[0]


def test_the_structures_are_the_kernels(tmp_path):
    """The numbers against the kernel's own header, where a compiler and the header are installed."""
    if shutil.which("cc") is None or not os.path.exists("/usr/include/linux/videodev2.h"):
        pytest.skip("needs a C compiler and the kernel's headers: apt install gcc linux-libc-dev")
    source = "#include <linux/videodev2.h>\n" + "".join(
        f"_Static_assert(VIDIOC_{name} == {getattr(cameras, name)}u, \"{name}\");\n"
        for name in ("QUERYCAP", "ENUM_FMT", "ENUM_FRAMESIZES", "ENUM_FRAMEINTERVALS")
    )
    (tmp_path / "check.c").write_text(source, encoding="ascii")
    done = subprocess.run(["cc", "-fsyntax-only", "check.c"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_list_cameras_needs_no_input(capsys, monkeypatch):
    monkeypatch.setattr(cameras, "list_cameras", lambda folder: [])
    with pytest.raises(SystemExit) as caught:
        cli.main(["--list-cameras"])
    assert caught.value.code == 0 and capsys.readouterr().out == cameras.NONE + "\n"
