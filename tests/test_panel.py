"""The control page's interface against a real job: what it changes, and whom it refuses."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from live_readers import free_port
from media import write_video
from panel_jobs import served, solid
from stand_ins import StandInRunner, numbered_clip, read_numbers, read_pictures

aiohttp = pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from shm_stream import InputError, cli, engine_choice, upload  # noqa: E402
from shm_stream.background_library import BackgroundLibrary  # noqa: E402
from shm_stream.panel import guard  # noqa: E402

pytestmark = pytest.mark.timeout(60)
PATIENCE = 15
ROUTES = [
    ("GET", "/"), ("GET", "/page.js"), ("GET", "/api/state"), ("GET", "/api/live"), ("GET", "/api/backgrounds"),
    ("GET", "/api/backgrounds/given/thumbnail"), ("GET", "/preview/composite.mjpeg"), ("GET", "/preview/alpha.jpg"),
    ("POST", "/api/controls"), ("POST", "/api/background"), ("POST", "/api/backgrounds"),
    ("POST", "/api/toggle/mirror"), ("POST", "/api/reset"), ("POST", "/api/stop"), ("GET", "/nothing/here"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    left = {thread for thread in set(threading.enumerate()) - before if not thread.name.startswith("asyncio_")}
    assert left == set()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Backgrounds to choose from."""
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    solid(folder / "blue.png", (0, 0, 255))
    solid(folder / "green.png", (0, 200, 0))
    return folder


class Client:
    """Talks to a server as a program does that knows the token."""

    def __init__(self, server, session):
        self.base = f"http://127.0.0.1:{server.port}"
        self.token = {"Authorization": f"Bearer {server.guard.token}"}
        self._session = session

    async def call(self, method, path, *, token=True, **options):
        """(status, headers, JSON or bytes)."""
        headers = {**(self.token if token else {}), **options.pop("headers", {})}
        options = {"allow_redirects": False, **options}
        async with self._session.request(method, self.base + path, headers=headers, **options) as answer:
            body = await answer.read()
            value = json.loads(body) if answer.content_type == "application/json" else body
            return answer.status, answer.headers, value

    async def get(self, path, **options):
        return await self.call("GET", path, **options)

    async def post(self, path, value=None, **options):
        return await self.call("POST", path, json={} if value is None else value, **options)

    async def picture(self, view="composite") -> np.ndarray:
        status, _, jpeg = await self.get(f"/preview/{view}.jpg")
        assert status == 200
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    async def right_becomes(self, colour, view="composite") -> None:
        """Wait until the right half of the picture, where nobody is, has that colour."""
        end = time.monotonic() + PATIENCE
        while np.abs((found := await self.picture(view))[:, 80:].reshape(-1, 3).mean(0) - colour).max() > 12:
            assert time.monotonic() < end, found[:, 80:].reshape(-1, 3).mean(0)


def with_client(server, scenario) -> None:
    """Run `scenario(client)` to its end."""

    async def run():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
            await scenario(Client(server, session))

    asyncio.run(run())


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
        kernel = state["engine"]["kernel"]
        assert state["engine"] == {"device": "cpu", "runner": "stand-in", "kernel": kernel, "lowered": None}
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


def test_moving_pictures_are_made_only_while_somebody_watches(tmp_path):
    async def scenario(client):
        await asyncio.sleep(0.5)
        assert server.preview.latest("composite") == (0, b"")
        async with client._session.get(client.base + "/preview/composite.mjpeg", headers=client.token) as answer:
            assert answer.content_type == "multipart/x-mixed-replace"
            seen = b""
            while seen.count(b"\xff\xd8\xff") < 3:
                seen += await asyncio.wait_for(answer.content.readany(), PATIENCE)
        while sum(server.preview._watching.values()):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        number = server.preview.latest("composite")[0]
        await asyncio.sleep(0.5)
        assert server.preview.latest("composite")[0] == number >= 3

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("/api/controls", {"feather": 99}, "feather 99 is out of range"),
        ("/api/controls", {"temporal": 101}, "temporal 101 is out of range"),
        ("/api/controls", {"wings": 2}, "there is no control 'wings'"),
        ("/api/controls", {"feather": None}, "feather is a number"),
        ("/api/background", {"show": "nothing"}, "neither an existing file nor a known form"),
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


def test_nothing_is_answered_without_the_token(tmp_path):
    async def scenario(client):
        wrong = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {server.guard.token}"},
                 {"Cookie": f"{server.guard.cookie}=x"}]  # fmt: skip
        for method, path in ROUTES:
            for headers in wrong:
                status, answered, body = await client.call(method, path, token=False, headers=headers)
                assert status == 401, (method, path, headers)
                assert (
                    b"printed in its terminal" in body and "default-src 'none'" in answered["Content-Security-Policy"]
                )
        assert (await client.get(f"/api/state?token={server.guard.token}", token=False))[0] == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client._session.ws_connect(client.base + "/api/live")
        assert refused.value.status == 401

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        assert not desk.job._stopping.is_set()


def test_the_token_leaves_the_address(tmp_path):
    async def scenario(client):
        status, headers, _ = await client.get(f"/?token={server.guard.token}", token=False)
        assert status == 303 and headers["Location"] == "/"
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        pair = {"Cookie": cookie.split(";")[0]}
        status, headers, body = await client.get("/", token=False, headers=pair)
        assert status == 200 and b"<title>shm-stream" in body
        assert server.guard.token.encode() not in body
        assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Frame-Options"] == "DENY"

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "[", "10.0.0.7:{port}"]
)
def test_names_that_were_made_to_point_here_are_refused(tmp_path, host):
    async def scenario(client):
        for method, path in ROUTES:
            status, _, _ = await client.call(method, path, headers={"Host": host.format(port=server.port)})
            assert status == 403, path

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_pages_cannot_use_a_browsers_cookie(tmp_path, headers):
    headers = {name: value for name, value in headers.items()}

    async def scenario(client):
        sent = {name: value.format(port=server.port) for name, value in headers.items()}
        cookie = {"Cookie": f"{server.guard.cookie}={server.guard.token}"}
        for method, path in ROUTES:
            status, _, _ = await client.call(method, path, token=False, headers=cookie | sent)
            assert status == 403, path
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client._session.ws_connect(client.base + "/api/live", headers=cookie | sent)
        assert refused.value.status == 403
        own = {"Origin": client.base, "Sec-Fetch-Site": "same-origin"}
        assert (await client.post("/api/reset", token=False, headers=cookie | own))[0] == 200

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        assert not desk.job._stopping.is_set()


def test_forms_of_other_pages_cannot_pass_for_json(tmp_path):
    async def scenario(client):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            headers = {"Content-Type": kind}
            assert (await client.call("POST", "/api/controls", data=b'{"feather": 3}', headers=headers))[0] == 415
            assert (await client.call("POST", "/api/backgrounds", data=b"x" * 99, headers=headers))[0] == 415
        long = json.dumps({"feather": 3, "x": "y" * 20000})
        status, _, _ = await client.call(
            "POST", "/api/controls", data=long, headers={"Content-Type": "application/json"}
        )
        assert status == 413

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def png_of(width: int, height: int) -> bytes:
    """Black, one bit a pixel: few bytes for many pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


UPLOAD = {"Content-Type": "application/octet-stream"}


def test_uploads_become_backgrounds(tmp_path, folder):
    clip = write_video(tmp_path / "moving.mp4", [np.full((48, 64, 3), (0, 160, 200), np.uint8)] * 3)

    async def scenario(client):
        for name, data, kind, colour in (
            ("../../etc/see.exe", (folder / "green.png").read_bytes(), "image", (0, 200, 0)),
            ("moving.txt", clip.read_bytes(), "video", (0, 160, 200)),
        ):
            headers = UPLOAD | {"X-File-Name": name.replace("/", "%2F")}
            status, _, choice = await client.call("POST", "/api/backgrounds", data=data, headers=headers)
            assert status == 201 and choice["kind"] == kind and choice["name"] == name
            await client.post("/api/background", {"show": choice["id"]})
            await client.right_becomes(colour)
            status, headers, jpeg = await client.get(f"/api/backgrounds/{choice['id']}/thumbnail")
            assert status == 200 and headers["Content-Type"] == "image/jpeg"
            small = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert small.shape == (108, 192, 3) and np.abs(small[50, 90, ::-1] - np.float32(colour)).max() < 12

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        kept = sorted(path.name for path in desk.library._keep.iterdir())
        assert kept == ["1.png", "2.mp4"] and desk.library._keep.stat().st_mode & 0o077 == 0
    assert not desk.library._keep.exists()
    assert not (tmp_path / "see.exe").exists()


def test_harmful_uploads_are_refused(tmp_path, monkeypatch):
    bomb = png_of(20000, 20000)
    assert len(bomb) < 100_000
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    refused = [
        b"", b"short", playlist, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + b"x" * 99, bomb,
        b"\x89PNG\r\n\x1a\n" + b"x" * 500, b"\xff\xd8\xff" + bytes(500), b"\0\0\0\x18ftypmp42" + playlist,
        b"\x1aE\xdf\xa3" + playlist,
    ]  # fmt: skip

    async def parts(data):
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]

    async def scenario(client):
        for data in refused:
            status, _, answer = await client.call("POST", "/api/backgrounds", data=data, headers=UPLOAD)
            assert status == 400 and answer["error"], data[:20]
        monkeypatch.setattr("shm_stream.panel.api.MOST_BYTES", 5000)
        large = png_of(10, 10) + bytes(9000)
        assert (await client.call("POST", "/api/backgrounds", data=large, headers=UPLOAD))[0] == 413
        assert (await client.call("POST", "/api/backgrounds", data=parts(large), headers=UPLOAD))[0] == 413
        monkeypatch.setattr("shm_stream.background_library.MOST_BROUGHT", -1)
        status, _, answer = await client.call("POST", "/api/backgrounds", data=png_of(10, 10), headers=UPLOAD)
        assert status == 400 and "too many" in answer["error"]

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        assert list(desk.library._keep.iterdir()) == [] and desk.library.choices() == []


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(8100, 8100))
    with pytest.raises(InputError, match="more than 64 million pixels"):
        upload.check_decodes(path, upload.recognise(path.read_bytes()))
    path.write_bytes(png_of(3000, 2000))
    upload.check_decodes(path, upload.recognise(path.read_bytes()))


def test_only_what_is_in_the_folder_can_be_had(tmp_path, folder):
    secret = solid(tmp_path / "secret.png", (1, 2, 3))
    (folder / "link.png").symlink_to(secret)
    (folder / "inside.png").symlink_to(folder / "blue.png")
    solid(folder / ".hidden.png", (9, 9, 9))
    (folder / "notes.txt").write_text("private")
    library = BackgroundLibrary(folder)
    assert [choice.name for choice in library.choices()] == ["blue.png", "green.png", "inside.png"]
    library.close()

    async def scenario(client):
        for name in (str(secret), "../secret.png", "secret.png", "blue.png", str(folder / "blue.png"), "file-../x"):
            status, _, answer = await client.post("/api/background", {"show": name})
            assert status == 400 and "neither" in answer["error"], name
            quoted = name.replace("/", "%2F")
            assert (await client.get(f"/api/backgrounds/{quoted}/thumbnail"))[0] in (400, 404), name
        assert (await client.get("/page.py"))[0] == (await client.get("/..%2Fguard.py"))[0] == 404

    with served(tmp_path, folder=folder) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize("header", ["Authorization: Bearer", "Cookie: {}="])
def test_a_token_that_is_no_text_is_refused(tmp_path, header):
    with served(tmp_path) as (server, _):
        line = header.format(server.guard.cookie).encode() + (b" \xff" if "Bearer" in header else b"\xff")
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
            client.sendall(b"GET /api/state HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\nConnection: close\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_a_background_that_was_deleted_meanwhile_is_left_out(tmp_path, folder):
    given = solid(tmp_path / "given.png", (1, 2, 3))
    library = BackgroundLibrary(folder, given)
    assert len(library.choices()) == 3
    given.unlink()
    assert [choice.name for choice in library.choices()] == ["blue.png", "green.png"]
    with pytest.raises(InputError, match="may have been removed"):
        library.thumbnail("given")
    shutil.rmtree(folder)
    assert library.choices() == []
    library.close()


def test_a_page_for_other_machines_knows_its_addresses(tmp_path):
    async def scenario(client):
        for host, expected in (("192.168.1.7:80", 200), ("[fe80::1]:80", 200), ("evil.example", 403)):
            assert (await client.get("/api/state", headers={"Host": host}))[0] == expected

    with served(tmp_path, host="0.0.0.0") as (server, _):
        assert "not encrypted" in server.warning
        with_client(server, scenario)


def test_stop_ends_the_job_and_finishes_the_file(tmp_path):
    async def scenario(client):
        await client.right_becomes((255, 0, 0))
        assert (await client.post("/api/stop"))[0] == 200

    with served(tmp_path, output=tmp_path / "o.mp4") as (server, desk):
        with_client(server, scenario)
    assert len(read_pictures(tmp_path / "o.mp4")) == desk.figures.summary()["frames"] > 0


def test_a_fixed_token_must_be_long(monkeypatch):
    assert len(guard.make_token()) >= 32 and guard.make_token() != guard.make_token()
    monkeypatch.setenv(guard.TOKEN_VARIABLE, "stream-deck-0123456789")
    assert guard.make_token() == "stream-deck-0123456789"
    monkeypatch.setenv(guard.TOKEN_VARIABLE, "short")
    with pytest.raises(InputError, match="16 to 128"):
        guard.make_token()


def test_a_port_in_use_is_said_before_anything_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip = numbered_clip(tmp_path / "other.mp4", 3)

    async def scenario(client):
        await client.right_becomes((255, 0, 0))

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
        assert cli.main([str(clip), "--bg", "red", "--panel", str(server.port)]) == 2
        assert "give --panel another PORT, or 0 for any free one" in capsys.readouterr().err
    assert not list(tmp_path.glob("*_composite*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--panel-host 0.0.0.0", "belongs to the control page: add --panel"),
        ("--backgrounds .", "while a job runs: add --panel"),
        ("--panel 0 --backgrounds nowhere", "nowhere is not a folder"),
        ("--panel 0 --slate nowhere.png", "nowhere.png"),
        ("--panel 0 --panel-host nowhere.invalid", "cannot use --panel-host nowhere.invalid"),
    ],
)
def test_wrong_page_options_end_before_anything_is_written(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    monkeypatch.chdir(tmp_path)
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    assert cli.main([str(clip), "--bg", "red", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_file_with_a_page_is_written_as_ever(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip = numbered_clip(tmp_path / "clip.mp4", 8)
    assert cli.main([str(clip), "--bg", "red", "--panel", "0"]) == 0
    assert "control page: http://127.0.0.1:" in capsys.readouterr().err
    assert read_numbers(tmp_path / "clip_composite.mp4") == list(range(8))


DOCS = Path(__file__).resolve().parent.parent / "docs" / "panel.md"


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
