"""`--obs-setup` where there is no OBS to set up: what OBS's settings say, and one line for what cannot be."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from live_readers import free_port
from stand_ins import numbered_clip

from shm_stream import cli, obs_settings
from shm_stream.errors import InputError
from shm_stream.obs_settings import ObsServer, obs_server
from shm_stream.obs_websocket import PASSWORD_VARIABLE, ObsConnection

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No settings of OBS on this machine."""
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr(obs_settings, "_folders", lambda: [tmp_path / "no OBS"])


def test_obs_that_does_not_run_is_said(nowhere, tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    port, own = free_port(), free_port()
    assert cli.main([str(clip), "--obs", str(own), "--obs-setup", f"ws://127.0.0.1:{port}"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"no OBS answers at 127.0.0.1:{port}: start it; in OBS: Tools, WebSocket" in err
    with socket.create_server(("127.0.0.1", own)):
        pass  # our own port is free again


def answer_nothing(server: socket.socket) -> None:
    """As the older obs-websocket does, which waits for the client to speak first."""
    client, _ = server.accept()
    client.recv(4096)
    time.sleep(2)
    client.close()


def test_what_is_no_obs_is_said():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=answer_nothing, args=[silent], daemon=True).start()
        check_no_obs(silent.getsockname()[1])
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.handle_request, daemon=True).start()
        check_no_obs(web.server_port)


def check_no_obs(port: int) -> None:
    with pytest.raises(InputError, match=f"what answers at 127.0.0.1:{port} is not the websocket server of OBS 28"):
        ObsConnection(f"ws://127.0.0.1:{port}", None, "start it", timeout_seconds=1)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("talk.mp4", "is no address of OBS's websocket server; give ws://HOST:PORT"),
        ("http://127.0.0.1", "is no address of OBS"),
        ("ws://", "is no address of OBS"),
        ("ws://127.0.0.1:99999", "Port out of range"),
        ("ws://127.0.0.1:4455/a", "is no address of OBS"),
        ("ws://:secret@127.0.0.1", "no password in the address: set OBS_WEBSOCKET_PASSWORD"),
        ("ws://no.such.host.invalid", "name 'no.such.host.invalid' is not known"),
        ("ws://203.0.113.7:4455", "203.0.113.7 is another machine, and --obs sends to this one only"),
    ],
)
def test_addresses_that_cannot_be(tmp_path, capsys, address, message):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert cli.main([str(clip), "--obs", "--obs-setup", address]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and "secret" not in err


def test_the_setup_needs_something_to_show(tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert cli.main([str(clip), "--bg", "red", "--obs-setup"]) == 2
    assert "--obs-setup is about the source that shows --obs: give that too" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [clip]


def test_settings_of_newer_and_older_versions(tmp_path):
    assert obs_server([tmp_path]) == ObsServer(4455, None, None) and "Enable" in obs_server([tmp_path]).cure
    old = "[General]\nx=1\n[OBSWebSocket]\nServerEnabled=true\nServerPort=4460\nServerPassword=a\\\\b;c\n"
    (tmp_path / "global.ini").write_text(old, encoding="utf-8-sig")
    assert obs_server([tmp_path / "none", tmp_path]) == ObsServer(4460, True, "a\\b;c")
    new = tmp_path / obs_settings.PLUGIN_FILE
    new.parent.mkdir(parents=True)
    new.write_text(json.dumps({"server_enabled": False, "server_port": 4461, "server_password": "p"}), encoding="utf-8")
    assert obs_server([tmp_path]) == ObsServer(4461, False, "p") and "Enable" in obs_server([tmp_path]).cure
    for broken in ("", "[]", "{}", '{"server_port": "x"}', "{"):
        new.write_text(broken, encoding="utf-8")
        assert obs_server([tmp_path]).port == 4460


WITHOUT_LIBRARY = """
import sys
sys.modules["websocket"] = None
from shm_stream.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_missing_library_is_said(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    words = [sys.executable, "-c", WITHOUT_LIBRARY, str(clip), "--obs", str(free_port()), "--obs-setup"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50)
    assert done.returncode == 2 and done.stderr.splitlines() == [
        "shm-stream: error: --obs-setup needs websocket-client: pip install 'shm-stream[obs]'"
    ]
