"""A PipeWire session of its own: a bus, the daemon and its session manager in a private folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from shm_stream.pipewire_camera import SYSTEM_PYTHON

PROGRAMS = ("dbus-daemon", "pipewire", "wireplumber", "pw-dump", "gst-launch-1.0")
ELEMENTS = ("pipewiresink", "compositor")
INSTALL = (
    "sudo apt install dbus pipewire pipewire-bin wireplumber gstreamer1.0-tools gstreamer1.0-pipewire "
    "gstreamer1.0-plugins-bad gstreamer1.0-plugins-base python3-gi gir1.2-gst-plugins-base-1.0"
)
WAIT_SECONDS = 30


def what_is_missing() -> str | None:
    """The reason to skip, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not missing:
        inspect = {name: subprocess.run(["gst-inspect-1.0", name], capture_output=True) for name in ELEMENTS}
        missing = [name for name, answer in inspect.items() if answer.returncode]
    if not missing and subprocess.run([SYSTEM_PYTHON, "-I", "-c", "import gi"], capture_output=True).returncode:
        missing = ["python3-gi"]
    return f"without {', '.join(missing)}: {INSTALL}" if missing else None


BUS = """<busconfig>
  <type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>"""
"""A bus that starts nothing by itself: what else is installed on the machine stays out of the session."""


@contextlib.contextmanager
def session(folder: Path):
    """Yields the environment of programs in the session. `folder` has to be short: sockets are in it."""
    folder.chmod(0o700)
    bus = f"unix:path={folder}/bus"
    (folder / "bus.conf").write_text(BUS.format(address=bus))
    environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "DBUS_SESSION_BUS_ADDRESS": bus, "HOME": str(folder)}
    with contextlib.ExitStack() as started:
        for words, socket in (
            (["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile"], folder / "bus"),
            (["pipewire"], folder / "pipewire-0"),
            (["wireplumber"], None),
        ):
            process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started.callback(process.wait)
            started.callback(process.kill)
            if socket is not None:
                until(socket.exists)
        until(lambda: "WirePlumber" in str(objects(environment)))
        yield environment


def objects(environment: dict) -> list[dict]:
    said = subprocess.run(["pw-dump"], env=environment, capture_output=True, timeout=WAIT_SECONDS).stdout.decode()
    objects, decoder = {}, json.JSONDecoder()
    while said.strip():  # what changes meanwhile comes in a list of its own
        part, end = decoder.raw_decode(said.strip())
        objects |= {each["id"]: each for each in part}
        said = said.strip()[end:]
    return list(objects.values())


def camera_node(environment: dict) -> int | None:
    """The id of shm-stream's camera, as a program that lists cameras finds it."""
    for item in objects(environment):
        properties = (item.get("info") or {}).get("props") or {}
        if properties.get("media.class") == "Video/Source" and properties.get("node.name") == "shm-stream":
            return item["id"]
    return None


def read_yuy2(environment: dict, node: int, path: Path, frames: int) -> bytes:
    """The last of so many frames from the camera, as another process gets them: Y, Cb, Y, Cr for each two pixels."""
    source = ["pipewiresrc", f"path={node}", f"num-buffers={frames}"]
    words = ["gst-launch-1.0", "-q", *source, "!", "video/x-raw,format=YUY2", "!", "filesink", f"location={path}"]
    subprocess.run(words, env=environment, check=True, timeout=WAIT_SECONDS, capture_output=True)
    content = path.read_bytes()
    return content[-(len(content) // frames) :]


def until(condition, seconds: float = WAIT_SECONDS):
    """What `condition` says once it is true."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return answer
