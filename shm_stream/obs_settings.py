"""What OBS Studio's own settings files say of its websocket server."""

from __future__ import annotations

import configparser
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

USUAL_PORT = 4455
PLUGIN_FILE = "plugin_config/obs-websocket/config.json"
"""Since obs-websocket 5.3; before, a section of OBS's own file."""
OLD_FILE = "global.ini"
OLD_SECTION = "OBSWebSocket"
MENU = "in OBS: Tools, WebSocket Server Settings, Enable"


@dataclass(frozen=True)
class ObsServer:
    """OBS's websocket server as it was last set up."""

    port: int = USUAL_PORT
    enabled: bool | None = None
    """None: no file says so."""
    password: str | None = None

    @property
    def cure(self) -> str:
        """What to do when nothing answers."""
        return "start it" if self.enabled else f"start it; {MENU}"


def obs_server(folders: list[Path] | None = None) -> ObsServer:
    """The server by the first of OBS's `folders` (the usual ones when None) that has its settings."""
    for folder in _folders() if folders is None else folders:
        for read, name in ((_plugin_file, PLUGIN_FILE), (_old_file, OLD_FILE)):
            try:
                return read((folder / name).read_text(encoding="utf-8-sig"))
            except (OSError, ValueError, KeyError, TypeError, configparser.Error):
                continue  # not there, not ours to read, or without such settings
    return ObsServer()


def _folders() -> Iterator[Path]:
    """Where OBS keeps its settings, by the way it was installed."""
    home = Path.home()
    if sys.platform == "win32":
        yield Path(os.environ.get("APPDATA") or home / "AppData/Roaming") / "obs-studio"
    elif sys.platform == "darwin":
        yield home / "Library/Application Support/obs-studio"
    else:
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "obs-studio"
        yield home / ".var/app/com.obsproject.Studio/config/obs-studio"
        yield home / "snap/obs-studio/current/.config/obs-studio"


def _plugin_file(text: str) -> ObsServer:
    facts = json.loads(text)
    port = int(facts["server_port"])
    return ObsServer(port, bool(facts.get("server_enabled")), str(facts.get("server_password") or "") or None)


def _old_file(text: str) -> ObsServer:
    # OBS's own dialect: nothing is interpolated, and only a backslash is written twice
    file = configparser.RawConfigParser(delimiters="=", comment_prefixes="#", strict=False)
    file.read_string(text)
    facts = file[OLD_SECTION]
    password = facts.get("ServerPassword", "").replace("\\\\", "\\")
    return ObsServer(facts.getint("ServerPort", USUAL_PORT), facts.getboolean("ServerEnabled", False), password or None)
