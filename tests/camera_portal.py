"""The portal through which browsers ask for cameras in PipeWire, in a session of `pipewire_session`."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from pipewire_session import until

LIBEXEC = Path("/usr/libexec")
PROGRAMS = ("xdg-permission-store", "xdg-desktop-portal")
BACKEND = Path("/usr/share/xdg-desktop-portal/portals/gtk.portal")  # its description is needed, not the program
INSTALL = "sudo apt install xdg-desktop-portal xdg-desktop-portal-gtk libglib2.0-bin"
STORE = "org.freedesktop.impl.portal.PermissionStore"
PORTAL = "org.freedesktop.portal.Desktop"
SECONDS = 20


def what_is_missing() -> str | None:
    """The reason to skip, or None."""
    missing = [name for name in PROGRAMS if not (LIBEXEC / name).exists()]
    missing += [BACKEND.name] if not BACKEND.exists() else []
    missing += ["gdbus"] if shutil.which("gdbus") is None else []
    return f"without {', '.join(missing)}: {INSTALL}" if missing else None


@contextlib.contextmanager
def camera_portal(session: dict):
    """Yields the environment of programs that may have a camera without anybody being asked."""
    environment = session | {"XDG_CURRENT_DESKTOP": "GNOME"}
    with contextlib.ExitStack() as started:
        for program, name in zip(PROGRAMS, (STORE, PORTAL)):
            process = subprocess.Popen([LIBEXEC / program], env=environment, stderr=subprocess.DEVNULL)
            started.callback(process.wait)
            started.callback(process.kill)
            until(lambda name=name: name in _call(environment, "org.freedesktop.DBus", "ListNames"))
        _call(environment, STORE, "SetPermission", "devices", "true", "camera", "", "['yes']")
        yield environment


def _call(environment: dict, name: str, method: str, *arguments: str) -> str:
    """What the object of that name on the session's bus answers."""
    path = "/" + name.replace(".", "/")
    words = ["gdbus", "call", "--session", "--dest", name, "--object-path", path, "--method", f"{name}.{method}"]
    done = subprocess.run([*words, *arguments], env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout
