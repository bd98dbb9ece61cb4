"""A real OBS Studio with settings of its own, on a screen that nobody sees."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import x_server
from live_readers import WAIT_SECONDS, free_port

from shm_stream.errors import InputError
from shm_stream.obs_websocket import ObsConnection

PROGRAMS = ("obs", "Xvfb")
INSTALL = "sudo apt install obs-studio xvfb"
SIZE = (640, 360)
"""Width and height of what OBS shows."""
PASSWORD = 'two words; "c\\r" %s=1'
"""Hard for readers of settings files."""
RED = 0xFF0000FF
"""ABGR, as OBS has colours."""


def what_is_missing() -> str | None:
    """The reason to skip, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"without {', '.join(missing)}: {INSTALL}" if missing else None


@dataclass
class Obs:
    """One that runs, and our own line to it."""

    folder: Path
    """Its XDG_CONFIG_HOME."""
    port: int
    line: ObsConnection

    def picture(self, source: str = "Scene") -> np.ndarray:
        """What a scene or source shows: [H, W, 3] uint8 RGB."""
        data = self.line.request("GetSourceScreenshot", sourceName=source, imageFormat="png")["imageData"]
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def items(self, scene: str) -> list[dict]:
        return self.line.request("GetSceneItemList", sceneName=scene)["sceneItems"]

    def add_red(self, scene: str) -> None:
        """A surface that fills the scene."""
        settings = {"color": RED, "width": SIZE[0], "height": SIZE[1]}
        source = {"inputName": f"red of {scene}", "inputKind": "color_source_v3", "inputSettings": settings}
        self.line.request("CreateInput", sceneName=scene, **source)


@contextlib.contextmanager
def session(folder: Path, scenes: dict | None = None) -> Iterator[Obs]:
    """Yields OBS when it answers. `scenes`: a scene collection to begin with, as OBS writes them."""
    port = free_port()
    _write_settings(folder / "obs-studio", port, scenes)
    size = "x".join(map(str, SIZE))
    with x_server.display(size) as display, open(folder / "obs.log", "w") as log:
        own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        words = ["obs", "--multi", "--minimize-to-tray", "--disable-updater"]
        process = subprocess.Popen(words, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
        try:
            with _connected(port) as line:
                line.request("SetVideoSettings", fpsNumerator=15, fpsDenominator=1)
                yield Obs(folder, port, line)
        finally:
            process.kill()
            process.wait(10)


def _connected(port: int) -> ObsConnection:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return ObsConnection(f"ws://127.0.0.1:{port}", PASSWORD, "does it start?", timeout_seconds=WAIT_SECONDS)
        except InputError as error:
            assert "does it start?" in str(error) and time.monotonic() < deadline, error
            time.sleep(0.1)


def _write_settings(folder: Path, port: int, scenes: dict | None) -> None:
    """Those of OBS 28 to 30, which later ones take over."""
    folder.mkdir(parents=True)
    written = PASSWORD.replace("\\", "\\\\")
    server = f"FirstLoad=false\nServerEnabled=true\nServerPort={port}\nAuthRequired=true\nServerPassword={written}\n"
    general = "[General]\nFirstRun=true\nLastVersion=503316482\n"
    (folder / "global.ini").write_text(f"{general}\n[OBSWebSocket]\n{server}", encoding="utf-8")
    if scenes is not None:
        place = folder / "basic/scenes/Untitled.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(scenes), encoding="utf-8")
