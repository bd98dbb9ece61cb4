"""The control page's interface against a real job: what it changes and what it says."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from live_readers import free_port
from panel_jobs import served, two_backgrounds
from stand_ins import read_pictures

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import with_client  # noqa: E402

from shm_stream.panel import guard  # noqa: E402

pytestmark = pytest.mark.timeout(60)
DOCS = Path(__file__).resolve().parent.parent / "docs" / "panel.md"


@pytest.fixture
def folder(tmp_path) -> Path:
    return two_backgrounds(tmp_path)


def test_the_background_changes_while_the_job_runs(tmp_path, folder):
    async def scenario(client):
        await client.right_becomes((255, 0, 0))
        _, _, choices = await client.get("/api/backgrounds")
        assert [(c["name"], c["kind"]) for c in choices] == [("blue.png", "image"), ("green.png", "image")]
        status, _, state = await client.post("/api/background", {"show": choices[0]["id"]})
        assert status == 200 and state["background"]["kind"] == "image"
        await client.right_becomes((0, 0, 255))
        await client.post("/api/background", {"step": 1})
        await client.right_becomes((0, 200, 0))
        await client.post("/api/background", {"show": "#ffff00"})
        await client.right_becomes((255, 255, 0))
        await client.post("/api/toggle/background")
        await client.right_becomes((128, 128, 128))
        await client.post("/api/toggle/background")
        await client.right_becomes((255, 255, 0))
        await client.post("/api/background", {"show": "blur:40"})
        await client.right_becomes((128, 128, 128))

    with served(tmp_path, folder=folder) as (server, desk):
        with_client(server, scenario)
        assert desk.job.source.dropped < 20


def test_controls_show_in_the_next_pictures(tmp_path):
    async def scenario(client):
        await client.right_becomes((0, 0, 0), "alpha")
        status, _, state = await client.post("/api/controls", {"mirror": True})
        assert status == 200 and state["controls"]["mirror"] is True
        await client.right_becomes((255, 255, 255), "alpha")
        await client.post("/api/toggle/mirror")
        await client.right_becomes((0, 0, 0), "alpha")
        await client.post("/api/controls", {"place": [50, 0, 1]})
        await client.right_becomes((255, 255, 255), "alpha")
        await client.post("/api/reset")
        await client.right_becomes((0, 0, 0), "alpha")
        await client.right_becomes((128, 128, 128), "source")
        await client.post("/api/toggle/slate")
        await client.right_becomes((33, 47, 61))  # the card that comes with the package is dark
        await client.post("/api/toggle/freeze")
        assert (await client.get("/api/state"))[2]["controls"]["hold"] == "freeze"
        await client.post("/api/toggle/freeze")
        await client.right_becomes((255, 0, 0))

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_the_state_says_what_runs(tmp_path):
    async def scenario(client):
        await client.right_becomes((255, 0, 0))
        await asyncio.sleep(1.2)
        _, _, state = await client.get("/api/state")
        kernel, lowered = state["engine"]["kernel"], state["engine"]["lowered"]
        assert state["engine"] == {"device": "cpu", "runner": "stand-in", "kernel": kernel, "lowered": lowered}
        assert lowered is None or "T-Net size" in lowered, "on a machine that is busy"
        assert state["source"]["size"] == [128, 96] and state["source"]["fps"] == 25
        assert state["figures"]["fps"] > 5 and 0 < state["figures"]["latency_ms"] < 5000
        assert state["ranges"]["feather"] == [0, 50] and state["controls"]["threshold"] == [0, 100]

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_the_state_says_how_much_later_pictures_without_sound_are(tmp_path):
    async def offset(client):
        await client.right_becomes((255, 0, 0))
        figures = (await client.get("/api/state"))[2]["figures"]
        return figures["sound_offset_ms"], figures["latency_ms"]

    async def with_obs(client):
        found, latency = await offset(client)
        assert found == round(latency) > 0

    async def with_nothing(client):
        assert (await offset(client))[0] is None

    recorded = {"obs": free_port(), "output": tmp_path / "o.mkv"}
    for scenario, options in ((with_obs, recorded), (with_nothing, {})):
        with served(tmp_path, **options) as (server, _):
            with_client(server, scenario)


def test_the_live_socket_tells_changes(tmp_path):
    async def scenario(client):
        async with client._session.ws_connect(client.base + "/api/live", headers=client.token) as socket:
            first = await socket.receive_json(timeout=10)
            await client.post("/api/controls", {"feather": 7})
            while (state := await socket.receive_json(timeout=10))["controls"]["feather"] != 7:
                pass
        assert first["controls"]["feather"] == 0 and state["figures"]["frames"] >= first["figures"]["frames"]

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("/api/controls", {"feather": 99}, "feather 99 is out of range"),
        ("/api/controls", {"temporal": 101}, "temporal 101 is out of range"),
        ("/api/controls", {"wings": 2}, "there is no control 'wings'"),
        ("/api/controls", {"feather": None}, "feather is a number"),
        ("/api/background", {"show": "nothing"}, "blur:1 to blur:100, or off"),
        ("/api/background", {"show": "transparent"}, "this job makes composites, which have no alpha; give it --alpha"),
        ("/api/background", {"show": "blur:900"}, "from 1 to 100"),
        ("/api/background", {"path": "/etc/passwd"}, 'give {"show"'),
        ("/api/background", {"step": 1}, "there is nothing to choose from"),
        ("/api/toggle/sound", {}, "cannot be toggled"),
        ("/api/background", [1], "not a JSON object"),
    ],
)
def test_wrong_requests_are_explained_and_change_nothing(tmp_path, path, value, message):
    async def scenario(client):
        before = (await client.get("/api/state"))[2]
        status, _, answer = await client.post(path, value)
        assert status == 400 and message in answer["error"]
        after = (await client.get("/api/state"))[2]
        assert (after["controls"], after["background"]) == (before["controls"], before["background"])

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_only_what_can_be_chosen_is_offered(tmp_path):
    """In what a refusal lists, too: no file by its path, and nothing that composites cannot show."""

    async def scenario(client):
        _, _, answer = await client.post("/api/background", {"show": "nothing"})
        offered = answer["error"].partition("give ")[2]
        assert "offered" in offered and not {"transparent", "image", "video", "file"} & {*re.findall(r"\w+", offered)}

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_stop_ends_the_job_and_finishes_the_file(tmp_path):
    async def scenario(client):
        await client.right_becomes((255, 0, 0))
        assert (await client.post("/api/stop"))[0] == 200

    with served(tmp_path, output=tmp_path / "o.mp4") as (server, desk):
        with_client(server, scenario)
    assert len(read_pictures(tmp_path / "o.mp4")) == desk.figures.summary()["frames"] > 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt-get install curl")
@pytest.mark.skipif(not DOCS.exists(), reason="needs the source tree")
def test_the_documented_requests_work(tmp_path, folder, monkeypatch):
    """Every line of the block in docs/panel.md, in its order, but for the port."""
    monkeypatch.setenv(guard.TOKEN_VARIABLE, "choose-16-or-more-letters")
    block = re.search(r"<!-- curl -->\n```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]
    cv2.imwrite(str(tmp_path / "sea.jpg"), np.zeros((20, 30, 3), np.uint8))
    with served(tmp_path, folder=folder) as (server, desk):
        script = block.replace("127.0.0.1:8765", f"127.0.0.1:{server.port}")
        done = subprocess.run(
            ["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=40, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert desk.job._stopping.is_set()
        assert desk.background == desk.library.choices()[0].id  # one step on from blur
        assert '"feather": 3.0' in done.stdout and '"mirror": true' in done.stdout
        assert [choice.name for choice in desk.library.choices()] == ["blue.png", "green.png", "sea.jpg"]
    assert cv2.imread(str(tmp_path / "now.jpg")).shape == (96, 128, 3)
