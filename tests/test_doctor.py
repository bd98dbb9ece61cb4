"""What is said of this machine, and of machines made of files: a kernel module or a device cannot be had here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shm_stream import cameras, cli, doctor, doctor_devices, doctor_engine, native, weights
from shm_stream.cameras import Camera
from shm_stream.doctor import ABSENT, BROKEN, OK, Check
from shm_stream.obs_settings import PLUGIN_FILE

pytestmark = pytest.mark.timeout(90)


def test_this_machine_can_run_the_main_job(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in facts["checks"]}
    needed = ("kernels", "weights", "networks", "media")
    assert facts["healthy"] and [checks[name]["state"] for name in needed] == [OK] * 4
    assert native.path_name() in checks["kernels"]["found"]
    assert any(package in checks["networks"]["found"] for package in ("onnxruntime", "openvino"))
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "files can be matted here"
    assert all(check["found"] in "\n".join(lines) for check in facts["checks"] if check["name"] != "OBS")


def test_broken_weights_are_found_and_said(tmp_path, monkeypatch, capsys):
    shutil.copytree(weights.folder(), tmp_path / "w")
    file = next(path for path in (tmp_path / "w").iterdir() if path.suffix == ".safetensors")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(tmp_path / "w"))
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "!!  weights" in out and f"{file} is corrupted" in out and "-> unset SHM_STREAM_WEIGHTS" in out
    assert out.splitlines()[-1].startswith("files cannot be matted here: weights")


def test_a_wrong_path_of_the_kernels(monkeypatch):
    monkeypatch.setenv("SHM_STREAM_CPU", "abacus")
    check = doctor_engine.check_kernels()
    assert check.state == BROKEN and "SHM_STREAM_CPU=abacus cannot be used here" in check.found


def test_a_check_that_fails_does_not_stop_the_others(monkeypatch):
    def check_moon():
        raise RuntimeError("no moon")

    monkeypatch.setattr(doctor_devices, "CHECKS", (check_moon, lambda: Check("sun", OK, "there")))
    monkeypatch.setattr(doctor_engine, "CHECKS", ())
    assert doctor.run_checks() == [Check("moon", BROKEN, "RuntimeError: no moon"), Check("sun", OK, "there")]


def test_usage_errors(capsys):
    assert cli.main(["doctor", "--fix"]) == 2
    assert "unrecognized arguments: --fix (see shm-stream doctor --help)" in capsys.readouterr().err


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A root folder; `devices` are the cameras that its /dev would show."""
    devices = []
    monkeypatch.setattr(doctor_devices, "list_cameras", lambda folder: devices)
    return tmp_path, devices


def loaded(root: Path, exclusive: str) -> None:
    folder = root / "sys/module/v4l2loopback/parameters"
    folder.mkdir(parents=True)
    (folder / "exclusive_caps").write_text(f"{exclusive}\n", encoding="ascii")


def virtual(root: Path) -> Camera:
    device = root / "video9"
    device.touch()
    return Camera(device, "shm-stream", cameras.LOOPBACK_DRIVER, takes_frames=True)


def test_loopback_not_loaded(machine):
    check = doctor_devices.check_loopback(machine[0])
    assert (check.state, check.cure) == (ABSENT, doctor_devices.LOOPBACK_INSTALL)


def test_loopback_without_a_device(machine):
    loaded(machine[0], "Y")
    assert "modprobe -r v4l2loopback" in doctor_devices.check_loopback(machine[0]).cure


@pytest.mark.parametrize(("exclusive", "found"), [("Y,N", "with exclusive_caps"), ("N,N", "without exclusive_caps")])
def test_loopback_there(machine, exclusive, found):
    root, devices = machine
    loaded(root, exclusive)
    devices.append(virtual(root))
    check = doctor_devices.check_loopback(root)
    assert check.state == OK and found in check.found and (check.cure is None) == (exclusive == "Y,N")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loopback_in_use(machine):
    root, devices = machine
    loaded(root, "Y")
    devices.append(virtual(root))
    with open(devices[0].device, "rb"):
        assert f"in use by {Path('/proc/self/comm').read_text().strip()} ({os.getpid()})" in (
            doctor_devices.check_loopback(root).found
        )


def test_loopback_without_permission(machine, monkeypatch):
    root, devices = machine
    loaded(root, "Y")
    devices.append(virtual(root))
    monkeypatch.setattr(os, "access", lambda path, mode: path != devices[0].device)  # root may open everything
    assert doctor_devices.check_loopback(root).cure == doctor_devices.VIDEO_GROUP


def test_cameras(machine):
    root, devices = machine
    assert doctor_devices.check_cameras(root).state == ABSENT
    devices.append(virtual(root))
    assert doctor_devices.check_cameras(root).state == ABSENT  # a virtual one is no input
    devices.append(Camera(root / "video1", problem="no permission; ..."))
    assert doctor_devices.check_cameras(root).cure == doctor_devices.VIDEO_GROUP
    devices.append(Camera(root / "video0", "HD Webcam", "uvcvideo", captures=True))
    assert doctor_devices.check_cameras(root) == Check("cameras", OK, f"{root}/video0 (HD Webcam)")


def test_pipewire(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor_devices.check_pipewire(tmp_path).found == "not installed"
    (tmp_path / "pipewire").touch(0o755)
    assert doctor_devices.check_pipewire(tmp_path).cure.startswith("systemctl --user start pipewire")
    (tmp_path / "pipewire-0").touch()
    assert doctor_devices.check_pipewire(tmp_path).state == OK


def test_obs_is_found_by_the_port_in_its_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = tmp_path / PLUGIN_FILE
    settings.parent.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.write_text(json.dumps({"server_port": port, "server_enabled": True}), encoding="utf-8")
        assert doctor_devices.check_obs([tmp_path]) == Check("OBS", OK, f"its websocket answers at port {port}")
        monkeypatch.setattr(doctor_devices, "find_spec", lambda name: None)
        assert doctor_devices.check_obs([tmp_path]).cure == "for --obs-setup: pip install 'shm-stream[obs]'"
    assert doctor_devices.check_obs([tmp_path]).found == "not installed, or not on the PATH"
    (tmp_path / "obs").touch(0o755)
    check = doctor_devices.check_obs([tmp_path])
    assert check.state == ABSENT and f"port {port}" in check.found and check.cure == "start it"
    settings.unlink()
    if doctor_devices.check_obs([tmp_path]).state == ABSENT:  # no OBS of the machine itself at the usual port
        assert "WebSocket Server Settings" in doctor_devices.check_obs([tmp_path]).cure


def test_it_ends_quietly_when_nobody_reads_on():
    command = f"{sys.executable} -m shm_stream doctor | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("ok  kernels") and "internal error" not in done.stderr
