"""Which cameras this machine has, and what they offer. Asks the kernel (Video4Linux2), as v4l2-ctl does.

Numbers and layouts are those of linux/videodev2.h; the size of each structure is part of its ioctl's number.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

QUERYCAP, ENUM_FMT = 0x80685600, 0xC0405602
ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = 0xC02C564A, 0xC034564B
CAPTURE, OUTPUT, DEVICE_CAPS = 0x1, 0x2, 0x80000000
DISCRETE = 1
LOOPBACK_DRIVER = "v4l2 loopback"
NAMES = {"MJPG": "mjpeg", "YUYV": "yuyv", "YU12": "yuv420p"}
"""Four letters of V4L2 → what --input-format and FFmpeg call it."""
NONE = "no camera: there is no /dev/video*; plug one in (in a container or VM: pass it through)"


@dataclass
class Camera:
    """What one /dev/video* says about itself."""

    device: Path
    name: str = ""
    driver: str = ""
    captures: bool = False
    """Frames can be read from it."""
    takes_frames: bool = False
    """Frames can be written to it: a virtual camera."""
    formats: dict[str, list[str]] = field(default_factory=dict)
    """Format → sizes with their best rate, such as `1280x720 30 fps`."""
    problem: str | None = None
    """Why it could not be asked."""

    @property
    def loopback(self) -> bool:
        """Whether it is one of v4l2loopback's."""
        return self.driver == LOOPBACK_DRIVER


def list_cameras(folder: Path = Path("/dev")) -> list[Camera]:
    """Every video device, by number, also those that cannot be asked."""
    devices = [path for path in folder.glob("video*") if path.name[5:].isdigit()]
    return [_ask(path) for path in sorted(devices, key=lambda path: int(path.name[5:]))]


def describe_cameras(folder: Path = Path("/dev")) -> str:
    """Lines for people: each camera with its formats, or one line that there is none."""
    cameras = [camera for camera in list_cameras(folder) if camera.captures or camera.takes_frames or camera.problem]
    return "\n".join(line for camera in cameras for line in _lines(camera)) or NONE


def _lines(camera: Camera) -> Iterator[str]:
    if camera.problem is not None:
        yield f"{camera.device}  {camera.problem}"
        return
    note = " (virtual: shows what another program writes to it)" if camera.takes_frames or camera.loopback else ""
    yield f"{camera.device}  {camera.name}{note}"
    for name, sizes in camera.formats.items():
        yield f"  {name:8} {', '.join(sizes) or 'sizes unknown'}"


def _ask(device: Path) -> Camera:
    camera = Camera(device)
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        camera.problem = "no permission; type  sudo usermod -aG video $USER  and log in again"
        return camera
    except OSError as error:
        camera.problem = f"cannot be opened: {error.strerror}"
        return camera
    try:
        _read_capabilities(handle, camera)
        if camera.captures:
            camera.formats = {name: list(_sizes(handle, code)) for code, name in _formats(handle)}
    except OSError as error:
        camera.problem = f"does not answer like a camera: {error.strerror}"
    finally:
        os.close(handle)
    return camera


def _read_capabilities(handle: int, camera: Camera) -> None:
    driver, card, _, _, whole, own = struct.unpack("16s32s32sIII12x", _ioctl(handle, QUERYCAP, bytes(104)))
    able = own if whole & DEVICE_CAPS else whole
    camera.driver, camera.name = _text(driver), _text(card)
    camera.captures, camera.takes_frames = bool(able & CAPTURE), bool(able & OUTPUT)


def _formats(handle: int) -> Iterator[tuple[int, str]]:
    """(V4L2's code, name) of each format."""
    for answer in _each(handle, ENUM_FMT, lambda index: struct.pack("II56x", index, 1)):
        code = struct.unpack_from("I", answer, 44)[0]
        letters = struct.pack("I", code).decode("latin-1")
        yield code, NAMES.get(letters, letters.strip().lower())


def _sizes(handle: int, code: int) -> Iterator[str]:
    for answer in _each(handle, ENUM_FRAMESIZES, lambda index: struct.pack("II36x", index, code)):
        kind, width, height = struct.unpack_from("3I", answer, 8)
        if kind != DISCRETE:  # smallest and largest width, step, then the same of heights
            yield f"up to {height}x{struct.unpack_from('I', answer, 28)[0]}"
            return
        rate = max(_rates(handle, code, width, height), default=None)
        yield f"{width}x{height}" + ("" if rate is None else f" {rate:g} fps")


def _rates(handle: int, code: int, width: int, height: int) -> Iterator[float]:
    for answer in _each(handle, ENUM_FRAMEINTERVALS, lambda index: struct.pack("4I36x", index, code, width, height)):
        kind, numerator, denominator = struct.unpack_from("3I", answer, 16)
        if numerator:
            yield round(denominator / numerator, 2)
        if kind != DISCRETE:  # the first interval of a range is the shortest
            return


def _each(handle: int, number: int, question) -> Iterator[bytes]:
    """Answers to `question(0)`, `question(1)`, ... until the kernel has no more."""
    for index in range(256):
        try:
            yield _ioctl(handle, number, question(index))
        except OSError:
            return


def _ioctl(handle: int, number: int, data: bytes) -> bytes:
    from fcntl import ioctl  # not on Windows, where there is no /dev/video* to ask either

    return ioctl(handle, number, data)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
