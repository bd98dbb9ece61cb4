"""Checks of cameras, real and virtual, and of the programs that streams come from and go to."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from .cameras import LOOPBACK_DRIVER, Camera, list_cameras
from .doctor import ABSENT, OK, Check
from .obs_settings import obs_server

MODPROBE = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=shm-stream"
LOOPBACK_INSTALL = f"sudo apt install v4l2loopback-dkms && {MODPROBE}"
VIDEO_GROUP = "sudo usermod -aG video $USER  and log in again"


def check_cameras(folder: Path = Path("/dev")) -> Check:
    """Cameras that can be an input."""
    cameras = [camera for camera in list_cameras(folder) if not _is_loopback(camera)]
    usable = [f"{camera.device} ({camera.name})" for camera in cameras if camera.captures]
    forbidden = [camera for camera in cameras if camera.problem and "permission" in camera.problem]
    if usable:
        return Check("cameras", OK, ", ".join(usable))
    if forbidden:
        return Check("cameras", ABSENT, f"no permission for {forbidden[0].device}", VIDEO_GROUP)
    return Check("cameras", ABSENT, "no /dev/video* that gives pictures", "plug one in, or try a clip: --loop CLIP")


def check_loopback(root: Path = Path("/")) -> Check:
    """v4l2loopback: loaded, announced as a camera, writable, and not in use."""
    module = root / "sys/module/v4l2loopback"
    if not module.is_dir():
        return Check("v4l2loopback", ABSENT, "the kernel module is not loaded", LOOPBACK_INSTALL)
    devices = [camera for camera in list_cameras(root / "dev") if _is_loopback(camera) or camera.problem]
    found = ", ".join(str(camera.device) for camera in devices) or "no device"
    refused = [camera for camera in devices if not os.access(camera.device, os.W_OK)]
    if not devices:
        return Check("v4l2loopback", ABSENT, "loaded without a device", f"sudo modprobe -r v4l2loopback && {MODPROBE}")
    if refused:
        return Check("v4l2loopback", ABSENT, f"no permission for {refused[0].device}", VIDEO_GROUP)
    if "Y" not in _text(module / "parameters/exclusive_caps"):
        cure = f"for browsers and Zoom: sudo modprobe -r v4l2loopback && {MODPROBE}"
        return Check("v4l2loopback", OK, f"{found}, without exclusive_caps", cure)
    return Check("v4l2loopback", OK, f"{found}, with exclusive_caps{_users(devices)}")


def check_pyvirtualcam() -> Check:
    """The library that --vcam needs."""
    try:
        return Check("pyvirtualcam", OK, version("pyvirtualcam"))
    except PackageNotFoundError:
        return Check("pyvirtualcam", ABSENT, "not installed; --vcam needs it", "pip install 'shm-stream[vcam]'")


def check_pipewire(runtime: Path | None = None) -> Check:
    """A running PipeWire, through which sandboxed programs see cameras."""
    runtime = runtime or Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    if (runtime / "pipewire-0").exists():
        return Check("PipeWire", OK, f"running ({runtime / 'pipewire-0'})")
    if shutil.which("pipewire"):
        return Check("PipeWire", ABSENT, "installed, not running", "systemctl --user start pipewire wireplumber")
    return Check("PipeWire", ABSENT, "not installed", "sudo apt install pipewire wireplumber")


def check_obs(folders: list[Path] | None = None) -> Check:
    """OBS Studio, and whether its websocket server can be reached."""
    server = obs_server(folders)
    if _answers(server.port):
        cure = None if find_spec("websocket") else "for --obs-setup: pip install 'shm-stream[obs]'"
        return Check("OBS", OK, f"its websocket answers at port {server.port}", cure)
    if shutil.which("obs") is None:
        return Check("OBS", ABSENT, "not installed, or not on the PATH", "sudo apt install obs-studio")
    return Check("OBS", ABSENT, f"installed; nothing answers at websocket port {server.port}", server.cure)


def check_programs() -> Check:
    """Programs for what is not built in."""
    uses = {"ffmpeg": "sudo apt install ffmpeg", "srt-live-transmit": "sudo apt install srt-tools"}
    there = [name for name in uses if shutil.which(name)]
    cures = [cure for name, cure in uses.items() if name not in there]
    found = f"found {', '.join(there)}" if there else "neither ffmpeg nor srt-live-transmit (for SRT)"
    return Check("programs", ABSENT if cures else OK, found, "; ".join(cures) or None)


def _is_loopback(camera: Camera) -> bool:
    return camera.driver == LOOPBACK_DRIVER


def _users(devices: list[Camera]) -> str:
    """Which of our own and readable processes have one of the devices open."""
    wanted, users = {str(camera.device) for camera in devices}, set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in wanted:
                users.add(f"{_text(link.parents[1] / 'comm')} ({link.parents[1].name})")
        except OSError:
            continue  # it has ended, or is somebody else's
    return f", in use by {', '.join(sorted(users))}" if users else ""


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except (OSError, OverflowError):
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


CHECKS = (check_pyvirtualcam, check_obs, check_programs)
if sys.platform == "linux":
    CHECKS = (check_cameras, check_loopback, check_pipewire, *CHECKS)
